# SPDX-License-Identifier: Apache-2.0
"""The thread that passes answers on outlives whatever goes wrong in it."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.engine import notifier as notifier_module
from ppocrvl.engine.notifier import Notifier
from ppocrvl.errors import EngineError
from ppocrvl.images.resize import resize_to_pixels
from ppocrvl.requests.results import mean_probability
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

LONG = 30_000


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not heard because memory ran out is told again at once."""
    monkeypatch.setattr(notifier_module, "_PAUSE_SECONDS", 0)


@pytest.fixture
def two(endless_model: Path) -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine(endless_model, n_parallel=2) as engine:
        yield engine


class Fails:
    """In place of a method: raises the errors one after the other, then does as the method."""

    def __init__(self, method: Callable[..., Any], *errors: BaseException) -> None:
        self.method = method
        self.errors = list(errors)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return self.method(*arguments, **more)

    def __get__(self, owner: object, _: type | None = None) -> Callable[..., Any]:
        return lambda *arguments, **more: self(owner, *arguments, **more)


def fail_in_result(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Making the next result out of the native one fails."""
    monkeypatch.setattr("ppocrvl.engine.pending.mean_probability", Fails(mean_probability, error))


def test_want_of_memory_for_a_result_is_the_error_of_that_request_alone(
    two: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_result(monkeypatch, MemoryError())
    failed = two.submit(picture, max_tokens=2)
    with pytest.raises(EngineError, match="out of memory for the answer"):
        failed.result(SECONDS)
    assert two.submit(picture, max_tokens=2).result(SECONDS).finish_reason == "length"
    kinds = [type(outcome).__name__ for outcome in two.ocr_many([picture] * 3, max_tokens=1)]
    assert kinds == ["Result"] * 3
    assert asyncio.run(two.aocr(picture, max_tokens=1)).finish_reason == "length"
    two.check()


def read_by(engine: ppocrvl.Engine, way: str, picture: Picture) -> None:
    """Reads the picture, in `ocr_many` with another one, of which either fails."""
    if way == "ocr_many":
        outcomes = list(engine.ocr_many([picture] * 2, max_tokens=1))
        (failed,) = [one for one in outcomes if isinstance(one, ppocrvl.PpocrvlError)]
        raise failed
    options = {} if way == "embed" else {"max_tokens": 1}
    started = getattr(engine, way)(picture, **options)
    if way == "submit":
        started.result(SECONDS)
    if way in {"aocr", "astream"}:
        asyncio.run(started)


@pytest.mark.parametrize(
    "way", ["ocr", "submit", "ocr_many", "aocr", "stream", "astream", "embed", "trace"]
)
def test_want_of_memory_for_a_picture_is_an_engine_error(
    two: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Not the end of all others."""
    fails = Fails(resize_to_pixels, MemoryError())
    monkeypatch.setattr("ppocrvl.images.pixels.resize_to_pixels", fails)
    with pytest.raises(EngineError, match="out of memory for the image"):
        read_by(two, way, picture)
    assert two.ocr(picture, max_tokens=1).finish_reason == "length"


@pytest.mark.parametrize("error", [ZeroDivisionError("a fault"), RuntimeError("another")])
def test_a_fault_is_in_the_future_and_nowhere_else(
    two: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fail_in_result(monkeypatch, error)
    with pytest.raises(type(error)):
        two.submit(picture, max_tokens=2).result(SECONDS)
    assert two.submit(picture, max_tokens=2).result(SECONDS).finish_reason == "length"


def test_a_callback_may_even_want_to_end_the_program(two: ppocrvl.Engine, picture: Picture) -> None:
    """`concurrent.futures` lets what is no Exception through to the thread that set the result."""

    def leave(_: object) -> None:
        raise SystemExit(3)

    answer = two.submit(picture, max_tokens=LONG, stop_loops=False)
    answer.add_done_callback(leave)
    answer.stop()
    assert answer.result(SECONDS).finish_reason == "cancelled"
    assert two.submit(picture, max_tokens=2).result(SECONDS).finish_reason == "length"


class Queue:
    """In place of the native queue: gives, or raises, what was put in."""

    def __init__(self) -> None:
        self._items: queue.Queue[list[int] | BaseException] = queue.Queue()

    def put(self, item: list[int] | BaseException) -> None:
        self._items.put(item)

    def wait(self) -> list[int]:
        item = self._items.get(timeout=SECONDS)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        self.put([])


class Ticket:
    """In place of a native one: its first news comes when the test says so."""

    cancelled = False

    def listen(self, events: Queue, number: int) -> None:
        self.events, self.number = events, number

    def tell(self) -> None:
        self.events.put([self.number])

    def cancel(self) -> None:
        self.cancelled = True


def hears(event: threading.Event) -> Callable[[], bool]:
    """What is called once, and sets the event."""

    def callback() -> bool:
        event.set()
        return False

    return callback


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notifier]:
    with monkeypatch.context() as patch:
        patch.setattr(_native, "EventQueue", Queue)
        made = Notifier()
    yield made
    made.close()


@pytest.mark.parametrize("error", [MemoryError(), EngineError("out of memory"), SystemExit()])
def test_news_that_get_lost_on_their_way_are_told_all_the_same(
    notifier: Notifier, error: BaseException
) -> None:
    heard = threading.Event()
    ticket: Any = Ticket()
    notifier.watch(ticket, hears(heard))
    ticket.events.put(error)  # in place of the number
    assert heard.wait(SECONDS)


def test_who_had_no_memory_to_hear_is_told_again(notifier: Notifier) -> None:
    heard = threading.Event()
    callback = Fails(hears(heard), MemoryError(), MemoryError(), MemoryError())
    ticket: Any = Ticket()
    notifier.watch(ticket, callback)
    ticket.tell()
    assert heard.wait(SECONDS)


@pytest.mark.parametrize("error", [ValueError("a fault"), SystemExit(), KeyboardInterrupt()])
def test_who_fails_is_told_no_more_and_the_others_are(
    notifier: Notifier, error: BaseException
) -> None:
    again = threading.Event()
    heard = threading.Event()
    bad: Any = Ticket()
    good: Any = Ticket()
    notifier.watch(bad, Fails(hears(again), error))
    notifier.watch(good, hears(heard))
    bad.tell()
    bad.tell()
    good.tell()
    assert heard.wait(SECONDS)
    assert not again.is_set()


def test_no_thread_is_an_engine_error(
    two: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Fails(threading.Thread.start, RuntimeError("can't start new thread"))
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(EngineError, match="cannot start a thread for answers"):
        two.submit(picture, max_tokens=1)
    assert two.submit(picture, max_tokens=1).result(SECONDS).finish_reason == "length"


def test_no_thread_for_asyncio_is_an_engine_error(two: ppocrvl.Engine, picture: Picture) -> None:
    async def read() -> str:
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor
        fails = Fails(run, RuntimeError("can't start new thread"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "run_in_executor", fails)
            with pytest.raises(EngineError, match="cannot start a thread for the image"):
                await two.aocr(picture, max_tokens=1)
            return (await two.aocr(picture, max_tokens=1)).finish_reason

    assert asyncio.run(read()) == "length"


def test_a_dead_thread_is_seen(
    two: ppocrvl.Engine, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ends it but the end of the process; if it does end, nobody waits for answers."""
    two.check()
    monkeypatch.setattr(Notifier, "_run", lambda _: None)
    two._notify()._thread.join(SECONDS)
    for start in (two.check, lambda: two.submit(picture, max_tokens=1)):
        with pytest.raises(EngineError, match="thread that passes answers on has ended"):
            start()
    with pytest.raises(EngineError, match="thread that passes answers on has ended"):
        asyncio.run(two.aocr(picture, max_tokens=1))
    assert two.ocr(picture, max_tokens=1).finish_reason == "length"  # needs none


def test_who_cannot_be_told_is_not_read_for(notifier: Notifier) -> None:
    notifier.close()
    ticket: Any = Ticket()
    with pytest.raises(EngineError, match="has ended"):
        notifier.watch(ticket, lambda: True)
    assert ticket.cancelled


def test_what_ended_with_the_thread_is_told_all_the_same(notifier: Notifier) -> None:
    notifier.close()
    told = []

    def hear() -> bool:
        told.append(True)
        return False

    ticket: Any = Ticket()
    notifier.watch(ticket, hear)
    assert told == [True]
    assert not ticket.cancelled


def test_a_closed_engine_is_seen(endless_model: Path) -> None:
    engine = ppocrvl.Engine(endless_model)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.check()


def test_an_async_stream_has_a_whole_answer_too(two: ppocrvl.Engine, picture: Picture) -> None:
    async def read() -> tuple[str, str, str]:
        stream = await two.astream(picture, max_tokens=20)
        first = await anext(stream)
        result = await stream.wait()
        assert await stream.wait() is result
        return first, "".join([piece async for piece in stream]), result.text

    first, rest, whole = asyncio.run(read())
    assert first + rest == whole


def test_a_dropped_async_stream_is_cancelled(two: ppocrvl.Engine, picture: Picture) -> None:
    """What the notifier calls must not hold it."""

    async def read() -> str:
        stream = await two.astream(picture, max_tokens=LONG, stop_loops=False)
        await anext(stream)
        pending = stream._pending
        del stream
        gc.collect()
        return (await asyncio.to_thread(pending.result)).finish_reason

    assert asyncio.run(read()) == "cancelled"


def test_an_engine_that_is_closed_just_before_its_thread_hears_of_a_request(
    endless_model: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ppocrvl.Engine(endless_model)
    closing = threading.Thread(target=engine.close)
    check = Notifier.check

    def check_and_close(self: Notifier) -> None:
        check(self)
        if threading.current_thread() is not threading.main_thread():
            closing.start()
            self._thread.join()

    monkeypatch.setattr(Notifier, "check", check_and_close)
    answer = engine.submit(picture, max_tokens=LONG, stop_loops=False)
    with pytest.raises(ppocrvl.CancelledError, match="closed"):
        answer.result(SECONDS)
    closing.join()
