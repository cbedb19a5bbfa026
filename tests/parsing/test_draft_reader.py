# SPDX-License-Identifier: Apache-2.0
"""A block that is read by two models: the second one's answer counts."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.parsing.fakes import TrueReader, result

import ppocrvl
from ppocrvl.errors import EngineError, PpocrvlError, QueueFullError
from ppocrvl.parsing.draft_reader import DraftReader, with_small_reader
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.requests.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.document.types import Box
    from ppocrvl.requests.results import Result


class Held(TrueReader):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[Future[Result]] = []

    def submit(self, image: Request) -> Future[Result]:
        self.requests.append(image)
        self.futures.append(Future())
        return self.futures[-1]


def two_lines(pixels: Any) -> list[Box]:
    width = pixels.shape[1]
    return [(0, 2, width, 8), (0, 12, width, 18)]


def sure(text: str, confidence: float = 0.99) -> Result:
    return replace(result(text), confidence=confidence)


def asked(task: str = "ocr", draft: str | None = "auto", **options: Any) -> Request:
    return Request(np.zeros((20, 30, 3), np.uint8), task=task, draft=draft, **options)


def reader_of(large: Any, small: Any, max_lines: int = 0) -> DraftReader:
    return DraftReader(large, small, max_lines=max_lines, find_lines=two_lines)


@pytest.mark.parametrize(
    ("request_", "n_small"),
    [
        (asked(), 1),
        (asked("table"), 1),
        (asked("formula"), 0),
        (asked(draft="known"), 0),
        (asked(draft=None), 0),
    ],
)
def test_which_blocks_are_read_twice(request_: Request, n_small: int) -> None:
    small = TrueReader(answer=lambda _: sure("draft"))
    large = TrueReader(answer=lambda _: sure("counts"))
    reader = reader_of(large, small)
    assert reader.submit(request_).result(timeout=60).text == "counts"
    assert len(small.requests) == n_small
    (one,) = large.requests
    assert one.draft == ("draft" if n_small else request_.draft)
    assert one.task == request_.task


@pytest.mark.parametrize(
    "drafted",
    [
        sure("x", 0.5),
        sure(""),
        replace(sure("x"), finish_reason="length"),
        EngineError("no memory"),
    ],
)
def test_what_the_small_one_is_not_sure_of_is_no_draft(drafted: Result | PpocrvlError) -> None:
    large = TrueReader(answer=lambda _: sure("counts"))
    reader = reader_of(large, TrueReader(answer=lambda _: drafted))
    assert reader.submit(asked()).result(timeout=60).text == "counts"
    assert large.requests[0].draft == "auto"


def test_a_small_one_that_takes_nothing() -> None:
    class Full(TrueReader):
        def submit(self, image: Request) -> Future[Result]:
            if self.requests:
                raise QueueFullError("full")
            return super().submit(image)

    large = TrueReader(answer=lambda _: sure("counts"))
    reader = reader_of(large, Full(answer=lambda _: sure("x")), max_lines=1)
    assert reader.submit(asked()).result(timeout=60).text == "counts"
    assert large.requests[0].draft == "auto"


def test_long_blocks_are_cut_for_the_small_one() -> None:
    texts = iter(["first", "second"])
    small = TrueReader(answer=lambda _: sure(next(texts)))
    large = TrueReader(answer=lambda _: sure("counts"))
    reader_of(large, small, max_lines=1).submit(asked()).result(timeout=60)
    assert [np.asarray(one.image).shape[0] for one in small.requests] == [10, 10]
    assert large.requests[0].draft == "first\nsecond"
    assert np.asarray(large.requests[0].image).shape[0] == 20


def test_an_error_of_the_large_one_is_the_answer() -> None:
    large = TrueReader(answer=lambda _: EngineError("broken"))
    reader = reader_of(large, TrueReader(answer=lambda _: sure("x")))
    with pytest.raises(EngineError, match="broken"):
        reader.submit(asked()).result(timeout=60)


def test_whatever_goes_wrong_behind_the_small_one_is_the_answer() -> None:
    class Broken(TrueReader):
        def submit(self, image: Request) -> Future[Result]:  # noqa: ARG002
            raise RuntimeError("can't start new thread")

    small = Held()
    answer = reader_of(Broken(), small).submit(asked())
    small.futures[0].set_result(sure("x"))
    with pytest.raises(RuntimeError, match="new thread"):
        answer.result(timeout=60)


def test_cancelling_ends_whatever_runs() -> None:
    small, large = Held(), Held()
    reader = reader_of(large, small, max_lines=1)
    answer = reader.submit(asked())
    assert answer.cancel()
    assert all(one.cancelled() for one in small.futures)
    assert len(small.futures) == 2
    assert large.requests == []
    answer = reader.submit(asked())
    for one in small.futures[2:]:
        one.set_result(sure("x"))
    (counts,) = large.futures
    assert answer.cancel()
    assert counts.cancelled()


def test_the_deadline_is_one_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ppocrvl.parsing.draft_reader.perf_counter", lambda: now[0])
    small, large = Held(), Held()
    reader_of(large, small).submit(asked(deadline=10.0))
    assert small.requests[0].deadline == 10.0
    now[0] += 4
    small.futures[0].set_result(sure("x"))
    assert large.requests[0].deadline == 6.0


@pytest.mark.parametrize(("confidence", "n_asked"), [(0.5, 8), (0.99, 20)])
def test_a_small_one_that_is_never_sure_is_asked_no_more(confidence: float, n_asked: int) -> None:
    small = TrueReader(answer=lambda _: sure("x", confidence))
    large = TrueReader(answer=lambda _: sure("counts"))
    reader = reader_of(large, small)
    for _ in range(20):
        reader.submit(asked()).result(timeout=60)
    assert len(small.requests) == n_asked
    assert len(large.requests) == 20


def test_who_gets_a_small_reader(endless_model: Path) -> None:
    def reader_for(reader: Any, **options: Any) -> Any:
        with ExitStack() as stack:
            return with_small_reader(reader, ParseOptions(**options), stack)

    other = TrueReader()
    assert reader_for(other) is other
    with ppocrvl.Engine() as built_in, ppocrvl.Engine(endless_model, n_parallel=3) as engine:
        assert reader_for(built_in) is built_in
        assert reader_for(engine, drafts="none") is engine
        made = reader_for(engine)
        assert isinstance(made, DraftReader)
        assert made.n_parallel == 3


def test_without_the_built_in_model_there_are_no_drafts_by_it(
    endless_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppocrvl.parsing.draft_reader.BUILT_IN_FOLDER", tmp_path)
    with ppocrvl.Engine(endless_model) as engine, ExitStack() as stack:
        assert with_small_reader(engine, ParseOptions(), stack) is engine
