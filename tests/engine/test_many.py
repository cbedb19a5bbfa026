# SPDX-License-Identifier: Apache-2.0
"""Several pictures at once: iterators, futures, asyncio, further attempts, limits, forks."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.engine.answers import AsyncStream
from ppocrvl.engine.many import outcomes
from ppocrvl.engine.retries import Attempts
from ppocrvl.errors import EngineError, ImageNotFoundError, OptionError, QueueFullError
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.requests.results import FinishReason

    Picture = npt.NDArray[np.uint8]

LONG = 30_000
"""Tokens; the answer goes on until the context is full. Noise may look like a loop at any token."""


@pytest.fixture(scope="module")
def four(endless_model: Path) -> Iterator[ppocrvl.Engine]:
    """Four requests at once."""
    with ppocrvl.Engine(endless_model, n_parallel=4) as engine:
        yield engine


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(9)
    return [
        random.integers(0, 256, (28, 28 * (1 + i % 3), 3), dtype=np.uint8) for i in range(count)
    ]


def wait_until_idle() -> None:
    """Until all requests have ended, long before those that nobody cancels would."""
    deadline = time.monotonic() + SECONDS
    while _native._test.live_objects()["sequences"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _native._test.live_objects()["sequences"] == 0


def text_of(outcome: ppocrvl.Outcome) -> str:
    assert isinstance(outcome, ppocrvl.Result), outcome
    return outcome.text


def test_many_answers_come_in_order(four: ppocrvl.Engine) -> None:
    some = pictures(10)
    expected = [four.ocr(one, max_tokens=6, min_pixels=784).resized for one in some]
    found = [
        outcome.resized
        for outcome in four.ocr_many(iter(some), max_tokens=6, min_pixels=784)
        if isinstance(outcome, ppocrvl.Result)
    ]
    assert found == expected
    assert len(set(found)) == 3


def test_a_bad_picture_is_a_value_among_the_others(four: ppocrvl.Engine, picture: Picture) -> None:
    outcomes = list(four.ocr_many([picture, "missing.png", b"no image", picture], max_tokens=3))
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Result", "ImageNotFoundError", "ImageDecodeError", "Result"]
    assert list(four.ocr_many([])) == []
    with pytest.raises(OptionError, match="unknown task"):
        four.ocr_many([picture], task="read")


def test_pictures_are_taken_as_they_are_needed(four: ppocrvl.Engine, picture: Picture) -> None:
    taken = itertools.count()

    def endless() -> Iterator[Picture]:
        while True:
            next(taken)
            yield picture

    answers = four.ocr_many(endless(), max_tokens=2)
    next(answers)
    answers.close()
    assert next(taken) < 12
    assert _native._test.live_objects()["sequences"] <= 4


def test_dropping_the_iterator_cancels(four: ppocrvl.Engine, picture: Picture) -> None:
    # Its deadline ends it wherever it is: the others may have all slots before it is prepared.
    short = ppocrvl.Request(picture, max_tokens=LONG, stop_loops=False, deadline=0.5)
    answers = four.ocr_many([short, *pictures(40)], max_tokens=LONG, stop_loops=False)
    next(answers)
    answers.close()
    wait_until_idle()


def test_closing_begins_nothing_more() -> None:
    """A request that ends makes room for one that waits, which must have been cancelled by then."""
    ended, running, waiting = (Future[ppocrvl.Result]() for _ in range(3))
    source = iter((ended, running, waiting))
    many = outcomes([None] * 3, lambda _: next(source), at_once=1, ordered=True)
    ended.set_result(result_with("stop", 1.0))
    next(many)
    was_cancelled = []
    running.add_done_callback(lambda _: was_cancelled.append(waiting.cancelled()))
    many.close()
    assert was_cancelled == [True]
    assert running.cancelled()


def test_future_gives_the_result(four: ppocrvl.Engine, picture: Picture) -> None:
    answers = [four.submit(picture, max_tokens=5) for _ in range(6)]
    done, _ = wait_for(answers, timeout=600)
    assert len(done) == 6
    assert {answer.result().timings.generated_tokens for answer in answers} == {5}
    assert not answers[0].cancel()


def test_future_that_is_stopped_has_what_was_read(four: ppocrvl.Engine, picture: Picture) -> None:
    answer = four.submit(picture, max_tokens=LONG, stop_loops=False)
    time.sleep(0.2)
    answer.stop()
    assert answer.result(10).finish_reason == "cancelled"


def test_what_cannot_start_is_raised_at_once(four: ppocrvl.Engine, picture: Picture) -> None:
    with pytest.raises(ImageNotFoundError):
        four.submit("missing.png", wait=False)
    with pytest.raises(OptionError, match="grammar"):
        four.submit(picture, wait=False, grammar="root ::= (")
    with pytest.raises(OptionError, match="max_tokens"):
        four.submit(picture, max_tokens=0)


def test_what_shows_in_a_thread_is_in_the_future(four: ppocrvl.Engine, picture: Picture) -> None:
    with pytest.raises(ImageNotFoundError):
        four.submit("missing.png").result(SECONDS)
    with pytest.raises(OptionError, match="grammar"):
        four.submit(picture, grammar="root ::= (").result(SECONDS)


def test_callbacks_may_fail(four: ppocrvl.Engine, picture: Picture) -> None:
    """`concurrent.futures` logs the exception of a callback; nobody else notices."""

    def fail(_: object) -> None:
        raise RuntimeError("a user's mistake")

    answer = four.submit(picture, max_tokens=2)
    answer.add_done_callback(fail)
    answer.result(10)
    assert four.submit(picture, max_tokens=2).result(10).finish_reason == "length"


def test_full_line_is_refused_or_waited_for(endless_model: Path, picture: Picture) -> None:
    with ppocrvl.Engine(endless_model, max_waiting=1) as engine:
        running = engine.stream(picture, max_tokens=LONG, stop_loops=False)
        next(running)
        waiting = engine.submit(picture, wait=False, max_tokens=1)
        with pytest.raises(QueueFullError, match="1 requests wait already"):
            engine.submit(picture, wait=False)
        with pytest.raises(QueueFullError):  # before anything of the request is prepared
            engine.submit(picture, wait=False, grammar="root ::= (")
        patient = threading.Thread(target=engine.ocr, args=(picture,), kwargs={"max_tokens": 1})
        patient.start()
        patient.join(0.2)
        assert patient.is_alive()
        running.close()
        patient.join(30)
        assert not patient.is_alive()
        assert waiting.result(10).finish_reason == "length"


def test_deadline(four: ppocrvl.Engine, picture: Picture) -> None:
    start = time.monotonic()
    result = four.ocr(picture, max_tokens=LONG, stop_loops=False, deadline=0.3)
    assert result.finish_reason == "deadline"
    assert time.monotonic() - start < 10
    assert four.ocr(picture, deadline=0).finish_reason == "deadline"


def test_closing_fails_futures(endless_model: Path, picture: Picture) -> None:
    engine = ppocrvl.Engine(endless_model, n_parallel=2)
    answers = [engine.submit(picture, max_tokens=LONG, stop_loops=False) for _ in range(5)]
    engine.close()
    for answer in answers:
        with pytest.raises(ppocrvl.CancelledError, match="closed"):
            answer.result(SECONDS)


def test_asyncio(four: ppocrvl.Engine, picture: Picture) -> None:
    async def read() -> tuple[str, str, list[str]]:
        whole = await four.aocr(picture, max_tokens=20)
        async with await four.astream(picture, max_tokens=20) as stream:
            pieces = [piece async for piece in stream]
        several = [
            type(outcome).__name__
            async for outcome in four.aocr_many([picture, "missing.png", picture], max_tokens=2)
        ]
        assert stream.result.text == "".join(pieces)
        return whole.text, stream.result.text, several

    whole, streamed, several = asyncio.run(read())
    assert whole == streamed
    assert several == ["Result", "ImageNotFoundError", "Result"]


def test_asyncio_cancellation_stops_the_request(four: ppocrvl.Engine, picture: Picture) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(four.aocr(picture, max_tokens=LONG, stop_loops=False), 0.3)
        stream = await four.astream(picture, max_tokens=LONG, stop_loops=False)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(give_up())
    wait_until_idle()


def test_errors_reach_asyncio(four: ppocrvl.Engine) -> None:
    with pytest.raises(ImageNotFoundError):
        asyncio.run(four.aocr("missing.png"))


def test_second_attempt_has_more_pixels(four: ppocrvl.Engine, picture: Picture) -> None:
    retry = ppocrvl.Retry(below=1.0, enlarge=2.0)
    result = four.ocr(picture, max_tokens=3, retry=retry)
    first, second, third = result.attempts
    assert [one.reason for one in result.attempts] == ["first", "more pixels", "penalty"]
    areas = [width * height for width, height in (first.resized, second.resized, third.resized)]
    assert areas[1] >= 1.8 * areas[0]
    assert areas[2] == areas[0]
    assert result.confidence == max(one.confidence for one in result.attempts)
    assert four.ocr(picture, max_tokens=3).attempts == ()
    assert four.ocr(picture, max_tokens=3, retry=ppocrvl.Retry(below=0.0)).attempts == ()


def test_futures_and_files_are_read_again_too(four: ppocrvl.Engine, picture: Picture) -> None:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    file.seek(0)
    answer = four.submit(file, max_tokens=3, retry=ppocrvl.Retry(below=1.0))
    assert len(answer.result(30).attempts) == 3


def result_with(finish_reason: FinishReason, confidence: float) -> ppocrvl.Result:
    times = ppocrvl.Timings(0, 0, 0, 0, 0, 0, 4, 12, 1)
    return ppocrvl.Result("", finish_reason, confidence, "ocr", (28, 28), (56, 56), times, (), ())


def test_a_loop_is_never_the_better_answer() -> None:
    attempts = Attempts(ppocrvl.RequestOptions(retry=ppocrvl.Retry(below=0.5)))
    again = attempts.next(result_with("repetition", 0.99))
    assert again is not None
    assert again.min_pixels == 2 * 56 * 56
    assert attempts.next(result_with("stop", 0.6)) is None
    assert attempts.best().finish_reason == "stop"


def test_nobody_reads_again_what_was_stopped() -> None:
    for reason in ("cancelled", "deadline"):
        attempts = Attempts(ppocrvl.RequestOptions(retry=ppocrvl.Retry(below=1.0)))
        assert attempts.next(result_with(reason, 0.1)) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_is_told(four: ppocrvl.Engine, picture: Picture) -> None:
    four.ocr(picture, max_tokens=1)
    child = os.fork()
    if child == 0:  # no assertion may get out of here
        code = 1
        try:
            four.ocr(picture, max_tokens=1)
        except EngineError as error:
            four.close()
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert four.ocr(picture, max_tokens=1).finish_reason == "length"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deadline": -1}, "deadline must be from 0"),
        ({"deadline": "soon"}, "deadline must be a number"),
        ({"priority": 1.5}, "priority must be a whole number"),
        ({"temperature": -0.1}, "temperature must be from 0"),
        ({"top_p": 2}, "top_p must be from 0 to 1"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"min_p": float("nan")}, "min_p must be from 0 to 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"logit_bias": {-1: 0.0}}, "logit_bias must be from 0"),
        ({"logit_bias": {2**30: 0.0}}, "logit_bias names token 1073741824"),
        ({"stop": ""}, "stop must be a text"),
        ({"stop": ["a"] * 17}, "at most 16"),
        ({"utf8": "latin"}, "utf8 must be replace, strict or constrain"),
    ],
)
def test_options_that_cannot_work(
    four: ppocrvl.Engine, picture: Picture, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        four.submit(picture, wait=False, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_parallel": 0}, "n_parallel must be from 1 to 64"),
        ({"n_parallel": 65}, "n_parallel must be from 1 to 64"),
        ({"kv_tokens": -1}, "kv_tokens must be from 0"),
        ({"max_waiting": 0}, "max_waiting must be from 1"),
        ({"cache_bytes": -1}, "cache_bytes must be from 0"),
    ],
)
def test_engine_options_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ppocrvl.Engine(**options)


def test_limited_cache_refuses_what_can_never_fit(endless_model: Path, picture: Picture) -> None:
    with ppocrvl.Engine(endless_model, kv_tokens=300) as engine:
        with pytest.raises(ppocrvl.ContextError, match="raise kv_tokens"):
            engine.ocr(picture, max_tokens=300)
        assert engine.ocr(picture, max_tokens=20).finish_reason == "length"


def test_an_async_stream_hears_of_an_end_that_comes_while_it_is_told_of_a_piece() -> None:
    """Whoever tells it must call again, unless the end was there before the call."""

    class Ticket:
        ended = False

        def done(self) -> bool:
            return self.ended

        def cancel(self) -> None:
            pass

    ticket = Ticket()
    callbacks: list[Callable[[], bool]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        reading = mock.Mock(ticket=ticket)
        notifier = mock.Mock(watch=lambda _, callback: callbacks.append(callback))
        stream = AsyncStream(reading, notifier)

        def ends_meanwhile(*_: object) -> None:
            ticket.ended = True

        with mock.patch.object(loop, "call_soon_threadsafe", ends_meanwhile):
            assert callbacks[0](), "the call that tells of the end would find nobody"
            assert not callbacks[0]()
        await stream.aclose()

    asyncio.run(run())
