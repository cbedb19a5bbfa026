# SPDX-License-Identifier: Apache-2.0
"""When a picture is read again, in what time, and which answer is the best."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.engine import engine as engine_module
from ppocrvl.engine import retries
from ppocrvl.engine.retries import Attempts
from ppocrvl.errors import CancelledError, ContextError, EngineError
from ppocrvl.images import pixels
from ppocrvl.images.load import load_image
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.requests.results import FinishReason

    Picture = npt.NDArray[np.uint8]

LOOP = 0.9
"""Confidence of an answer that went round in a circle."""


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the attempts and of the engine."""
    made = Clock()
    for module in (retries, engine_module):
        monkeypatch.setattr(module, "perf_counter", made)
    return made


def asked(**options: Any) -> ppocrvl.RequestOptions:
    return ppocrvl.RequestOptions(**{"retry": ppocrvl.Retry(below=0.5), **options})


def read(
    text: str, confidence: float, reason: FinishReason = "stop", *, logprobs: bool = True
) -> ppocrvl.Result:
    times = ppocrvl.Timings(0, 0, 0, 0, 0, 0, 4, 12, 1)
    known = (-0.5,) if logprobs and text else ()
    return ppocrvl.Result(text, reason, confidence, "ocr", (28, 28), (56, 56), times, (), known)


@pytest.mark.parametrize("reason", ["deadline", "cancelled"])
@pytest.mark.parametrize(("text", "confidence"), [("", 0.0), ("a", 0.99)])
@pytest.mark.parametrize(
    "first", [read("useful", LOOP, "repetition"), read("useful", 0.4), read("", 0.0)]
)
def test_what_was_cut_short_is_never_the_better_answer(
    first: ppocrvl.Result, text: str, confidence: float, reason: FinishReason
) -> None:
    attempts = Attempts(asked())
    assert attempts.next(first) is not None
    assert attempts.next(read(text, confidence, reason)) is None
    best = attempts.best()
    assert (best.text, best.finish_reason) == (first.text, first.finish_reason)
    assert [one.finish_reason for one in best.attempts] == [first.finish_reason, reason]


def test_all_attempts_have_one_deadline(clock: Clock) -> None:
    attempts = Attempts(asked(deadline=10.0))
    clock.now += 4
    again = attempts.next(read("poor", 0.1))
    assert again is not None
    assert again.deadline == 6.0
    clock.now += 5
    again = attempts.next(read("poor", 0.2))
    assert again is not None
    assert again.deadline == 1.0


def test_nothing_is_tried_when_the_time_is_over(clock: Clock) -> None:
    attempts = Attempts(asked(deadline=10.0))
    clock.now += 10
    assert attempts.next(read("poor", 0.1)) is None
    assert attempts.best().text == "poor"


def test_loading_the_picture_takes_from_its_deadline(
    engine: ppocrvl.Engine, picture: Picture, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does waiting for a thread: the engine is told when the request was made."""
    seconds: list[float | None] = []

    def slow(*args: Any, **more: Any) -> Any:
        clock.now += 3
        return load_image(*args, **more)

    def request(**values: Any) -> None:
        seconds.append(values["seconds"])
        raise EngineError("enough for this test")

    monkeypatch.setattr(pixels, "load_image", slow)
    monkeypatch.setattr(_native, "Request", request)
    for deadline in (10.0, 2.0, None):
        with pytest.raises(EngineError, match="enough"):
            engine.ocr(picture, deadline=deadline)
    of_before = ppocrvl.Request(picture, deadline=10.0, retry=ppocrvl.Retry(below=0.5))
    with pytest.raises(EngineError, match="enough"):
        engine._start(of_before, since=clock.now - 2)
    assert seconds == [7.0, 0.0, None, 5.0]


def test_an_unknown_confidence_is_not_a_low_one() -> None:
    """Some servers give no log-probabilities."""
    unknown = read("text", 0.0, logprobs=False)
    assert Attempts(asked()).next(unknown) is None
    assert Attempts(asked()).next(dataclasses.replace(unknown, finish_reason="repetition"))
    assert Attempts(asked()).next(read("", 0.0)) is not None  # nothing read is doubtful


def test_an_attempt_that_fails_leaves_the_answer_that_there_is() -> None:
    attempts = Attempts(asked())
    assert attempts.next(read("poor", 0.1)) is not None
    again = attempts.fail(ContextError("the picture is larger now"))
    assert again is not None
    assert again.repetition_penalty > 1  # the next step of the ladder
    assert attempts.fail(EngineError("out of memory")) is None
    assert attempts.best() == read("poor", 0.1)


@pytest.mark.parametrize("error", [CancelledError("the engine was closed"), TypeError("a fault")])
def test_no_answer_comes_from_what_nobody_wants_or_from_a_fault(error: Exception) -> None:
    attempts = Attempts(asked())
    attempts.next(read("poor", 0.1))
    with pytest.raises(type(error)):
        attempts.fail(error)


def test_the_first_attempt_may_not_fail() -> None:
    with pytest.raises(ContextError):
        Attempts(asked()).fail(ContextError("too large"))


@pytest.mark.parametrize("way", ["ocr", "submit", "aocr"])
def test_a_larger_picture_that_does_not_fit_costs_no_answer(
    endless_model: Path, picture: Picture, way: str
) -> None:
    import asyncio

    with ppocrvl.Engine(endless_model, kv_tokens=300) as engine:
        options: Any = {"max_tokens": 20, "retry": ppocrvl.Retry(below=1.0, enlarge=16.0)}
        if way == "ocr":
            result = engine.ocr(picture, **options)
        elif way == "submit":
            result = engine.submit(picture, **options).result(60)
        else:
            result = asyncio.run(engine.aocr(picture, **options))
    assert [one.reason for one in result.attempts] == ["first", "penalty"]


def test_without_a_thread_for_another_attempt_the_first_one_counts(
    engine: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThreads:
        def submit(self, _: object) -> None:
            raise RuntimeError("can't start new thread")

        def shutdown(self, *, wait: bool) -> None:
            """Nothing runs."""

    monkeypatch.setattr(engine._preparing, "_pool", NoThreads())
    answer = engine.submit(picture, wait=False, max_tokens=2, retry=ppocrvl.Retry(below=1.0))
    assert answer.result(60).attempts == ()
    assert any(one.name == "ppocrvl-notifier" for one in threading.enumerate())
