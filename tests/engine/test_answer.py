# SPDX-License-Identifier: Apache-2.0
"""An answer is a future as those of `concurrent.futures` are."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING

import pytest
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.engine.answers import Answer
from ppocrvl.errors import CancelledError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

LONG = 30_000


class Running:
    """In place of a request."""

    cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def result() -> ppocrvl.Result:
    times = ppocrvl.Timings(0, 0, 0, 0, 0, 0, 4, 12, 1)
    return ppocrvl.Result("text", "stop", 1.0, "ocr", (28, 28), (56, 56), times, (), ())


def test_cancelling_ends_the_request_and_the_answer() -> None:
    answer, request = Answer(), Running()
    assert not answer.running()
    answer.follow(request)
    assert answer.running()
    assert answer.cancel()
    assert (answer.cancelled(), answer.done(), answer.running()) == (True, True, False)
    assert request.cancelled == 1
    answer.settle(result())  # it comes too late
    for kind in (CancelledError, concurrent.futures.CancelledError):
        for ask in (answer.result, answer.exception):
            with pytest.raises(kind, match="cancelled"):
                ask()
    assert answer.cancel()  # as `concurrent.futures` has it


def test_what_begins_after_it_was_cancelled_ends_at_once() -> None:
    answer, request = Answer(), Running()
    answer.cancel()
    answer.follow(request)
    assert request.cancelled == 1


def test_what_is_done_cannot_be_cancelled() -> None:
    answer, request = Answer(), Running()
    answer.follow(request)
    answer.settle(result())
    assert not answer.cancel()
    answer.stop()
    assert (answer.cancelled(), request.cancelled, answer.result()) == (False, 0, result())


def test_stopping_leaves_the_answer_to_come() -> None:
    answer, request = Answer(), Running()
    answer.follow(request)
    answer.stop()
    assert (answer.stopped, answer.done(), request.cancelled) == (True, False, 1)
    answer.settle(result())
    assert answer.result() == result()


def test_those_that_wait_for_several_futures_hear_of_it() -> None:
    answers = [Answer() for _ in range(3)]
    heard: list[Answer] = []
    answers[0].add_done_callback(lambda _: heard.append(answers[0]))
    waiting = threading.Thread(
        target=lambda: heard.extend(
            one for one in concurrent.futures.as_completed(answers) if isinstance(one, Answer)
        )
    )
    waiting.start()
    cancelling = [threading.Thread(target=answers[0].cancel) for _ in range(4)]
    for thread in cancelling:
        thread.start()
    for thread in cancelling:
        thread.join(SECONDS)
    for one in answers[1:]:
        one.cancel()
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    assert len(heard) == 4  # the callback, and each once
    assert concurrent.futures.wait(answers, timeout=0).not_done == set()


def test_a_callback_that_ends_the_program_does_not_keep_the_request_running() -> None:
    def leave(_: object) -> None:
        raise SystemExit(3)

    answer, request = Answer(), Running()
    answer.follow(request)
    answer.add_done_callback(leave)
    with pytest.raises(SystemExit):
        answer.cancel()
    assert (answer.cancelled(), request.cancelled) == (True, 1)


def test_asyncio_can_wait_for_it_and_cancel_it() -> None:
    async def run() -> None:
        answer, request = Answer(), Running()
        answer.follow(request)
        wrapped = asyncio.wrap_future(answer)
        wrapped.cancel()
        await asyncio.sleep(0)
        assert request.cancelled == 1
        answer = Answer()
        wrapped = asyncio.wrap_future(answer)
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wrapped

    asyncio.run(run())


def test_an_engine_reads_on_after_one_was_cancelled(
    engine: ppocrvl.Engine, picture: Picture
) -> None:
    picture = picture[::-1].copy()  # the engine is shared: others want theirs encoded anew
    answer = engine.submit(picture, wait=False, max_tokens=LONG, stop_loops=False)
    assert answer.running()
    assert answer.cancel()
    with pytest.raises(CancelledError):
        answer.result(SECONDS)
    assert engine.submit(picture, max_tokens=1).result(SECONDS).finish_reason == "length"
    assert not engine.submit(picture, max_tokens=1, deadline=0).cancelled()
