# SPDX-License-Identifier: Apache-2.0
"""Answers that are on their way: as a stream, as a future, in asyncio."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, Self

from ppocrvl.engine.forks import Home
from ppocrvl.errors import CancelledError, EngineError, PpocrvlError
from ppocrvl.requests.results import Result, Timings, mean_probability
from ppocrvl.support.closing import Closing
from ppocrvl.support.native import _native
from ppocrvl.support.resources import memory_for, thread_for

if TYPE_CHECKING:
    from types import TracebackType

_logger = logging.getLogger("ppocrvl")
_PAUSE_SECONDS = 0.05


class Reading:
    """A request that the native engine has, and what Python knows of its picture."""

    def __init__(
        self,
        engine: _native.Engine,
        ticket: _native.Ticket,
        *,
        task: str,
        tag: object,
        image_size: tuple[int, int],
        resized: tuple[int, int],
        preprocess: float,
    ) -> None:
        self._engine = engine  # lives at least as long as what it reads
        self._home = Home()
        self._ticket = ticket
        self.task = task
        self.tag = tag
        self.image_size = image_size
        self.resized = resized
        self.preprocess = preprocess

    @property
    def ticket(self) -> _native.Ticket:
        """The request.

        Raises:
            EngineError: this is a forked child, in which it never ends.
        """
        self._home.check()
        return self._ticket

    def result(self) -> Result:
        """Waits for the end.

        Raises:
            EngineError: the engine failed or was closed.
        """
        with memory_for("the answer"):
            return self._result(self.ticket.result())

    def cancel(self) -> None:
        """Stops it at its next step. A forked child has no say in it."""
        if self._home.is_here():
            self._ticket.cancel()

    def _result(self, native: _native.Result) -> Result:
        logprobs = tuple(native.logprobs)
        times = native.timings
        return Result(
            text=native.text,
            finish_reason=native.finish_reason,
            confidence=mean_probability(logprobs),
            task=self.task,
            image_size=self.image_size,
            resized=self.resized,
            timings=Timings(
                load=self._engine.load_seconds,
                preprocess=self.preprocess,
                queue=times.queue,
                encode=times.encode,
                prefill=times.prefill,
                decode=times.decode,
                image_tokens=times.image_tokens,
                prompt_tokens=times.prompt_tokens,
                generated_tokens=times.generated_tokens,
                cached_image=times.cached_image,
                reused_tokens=times.reused_tokens,
            ),
            token_ids=tuple(native.token_ids),
            logprobs=logprobs,
            token_ends=tuple(native.text_ends),
            repeated_tokens=native.repeated_tokens,
            tag=self.tag,
        )


_notifiers: weakref.WeakSet[Notifier] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_notifiers.clear)  # their threads are not there


@atexit.register
def _end_threads() -> None:
    """Ends the threads of engines that nobody closed.

    One that comes back from native code when the interpreter is on its way out is ended in the
    midst of it, and that aborts the process.
    """
    for notifier in list(_notifiers):
        notifier.close()


class Notifier:
    """The thread that hears of changes in requests and passes them on to Python.

    Raises:
        EngineError: it cannot be started.
    """

    def __init__(self) -> None:
        self._events = _native.EventQueue()
        self._ids = itertools.count()
        self._callbacks: dict[int, Callable[[], bool]] = {}
        self._thread = threading.Thread(target=self._run, name="ppocrvl-notifier", daemon=True)
        with thread_for("answers"):
            self._thread.start()
        _notifiers.add(self)

    def watch(self, ticket: _native.Ticket, callback: Callable[[], bool]) -> None:
        """Calls `callback` now and after every change, in the thread, until it returns False.

        It may be called without a change as well. Where memory is too short for it (MemoryError),
        it is called again; another exception ends the calls as False does.

        Raises:
            EngineError: the thread has ended.
        """
        number = next(self._ids)
        self._callbacks[number] = callback
        try:
            self.check()
            ticket.listen(self._events, number)
        except BaseException:
            self._callbacks.pop(number, None)
            ticket.cancel()  # nobody would hear of its end
            raise

    def check(self) -> None:
        """Makes sure that the thread is there.

        Raises:
            EngineError: it has ended.
        """
        if not self._thread.is_alive():
            raise EngineError(
                "the thread that passes answers on has ended, and the engine cannot be used"
            )

    def close(self) -> None:
        """Ends the thread once it has passed on what has happened so far."""
        self._events.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        """No exception ends this: whoever waits for an answer would wait for ever."""
        missed = False  # whether somebody has not heard of a change
        while True:
            try:
                if missed:
                    time.sleep(_PAUSE_SECONDS)
                    missed = not self._pass_on(tuple(self._callbacks))
                    continue
                missed = True  # what comes now may get lost on its way to Python
                numbers = self._events.wait()
                if not numbers:
                    return
                missed = not self._pass_on(numbers)
            except BaseException:  # noqa: BLE001, S112 - there may be no memory to log it either
                continue

    def _pass_on(self, numbers: Iterable[int]) -> bool:
        """Calls the callbacks of these numbers; whether all of them have heard."""
        heard = True
        for number in numbers:
            callback = self._callbacks.get(number)
            if callback is None:
                continue
            try:
                if callback():
                    continue
            except MemoryError:
                heard = False
                continue
            except BaseException:
                _logger.exception("an answer could not be passed on")
            self._callbacks.pop(number, None)
        return heard


class Stoppable(Protocol):
    """What runs for an answer."""

    def cancel(self) -> object:
        """Ends it soon."""


class Handle:
    """Ends what runs, also what is yet to begin. Each may be called from any thread."""

    def __init__(self) -> None:
        self._running: Stoppable | None = None
        self._stopped = False

    def follow(self, running: Stoppable) -> None:
        """From now on this is what `stop` ends."""
        self._running = running
        if self._stopped:
            running.cancel()

    def stop(self) -> None:
        """Ends it, or whatever begins later."""
        self._stopped = True
        if self._running is not None:
            self._running.cancel()

    @property
    def stopped(self) -> bool:
        """Whether that was called."""
        return self._stopped

    @property
    def has_begun(self) -> bool:
        """Whether there is something that it follows."""
        return self._running is not None


class Answer(Future[Result]):
    """A `concurrent.futures.Future` of a result. Until it is done it can be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self._home = Home()
        self._handle = Handle()
        self._notify_once = iter([self.set_running_or_notify_cancel])

    def follow(self, reading: Stoppable) -> None:
        """From now on this is the request that `cancel` and `stop` end."""
        self._handle.follow(reading)

    @property
    def stopped(self) -> bool:
        """Whether nobody wants more of the answer."""
        return self._handle.stopped

    def running(self) -> bool:
        """Whether the request has begun and is not done. It can be cancelled all the same."""
        return self._handle.has_begun and not self.done()

    def cancel(self) -> bool:
        """Cancels the answer at once, and ends the request at its next step.

        What was read so far is lost; `stop` keeps it.

        Returns:
            False if the answer was there already, else True.
        """
        try:
            if not super().cancel():
                return False
        finally:  # a callback may raise what is no Exception
            if self.cancelled():
                for notify in self._notify_once:  # those that wait for several futures, once
                    notify()
                self._handle.stop()
        return True

    def stop(self) -> None:
        """Ends the request at its next step, with what was read so far as the result.

        Its `finish_reason` is then "cancelled". Does nothing to an answer that is done.
        """
        if not self.done():
            self._handle.stop()

    def result(self, timeout: float | None = None) -> Result:
        """As `concurrent.futures.Future.result`.

        Raises:
            PpocrvlError: the picture could not be read.
            CancelledError: the answer was cancelled.
            EngineError: this is a forked child, and the answer had not come before the fork.
            TimeoutError: it has not come in time.
        """
        self._check()
        with _own_cancelled_error():
            return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `concurrent.futures.Future.exception`.

        Raises:
            CancelledError: the answer was cancelled.
            EngineError: this is a forked child, and the answer had not come before the fork.
            TimeoutError: it has not come in time.
        """
        self._check()
        with _own_cancelled_error():
            return super().exception(timeout)

    def settle(self, result: Result) -> None:
        """Sets the result. Of this and `fail` the first call counts."""
        with suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Sets the error."""
        with suppress(InvalidStateError):
            self.set_exception(error)

    def _check(self) -> None:
        if not self.done():
            self._home.check()


@contextmanager
def _own_cancelled_error() -> Iterator[None]:
    try:
        yield
    except PpocrvlError:
        raise
    except concurrent.futures.CancelledError as error:
        raise CancelledError("the answer was cancelled before it was there") from error


class Stream(Closing, Iterator[str]):
    """Pieces of text as they come. Iterate it; afterwards `result` holds the whole answer."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._result: Result | None = None

    def __next__(self) -> str:
        with memory_for("the answer"):
            piece = self._reading.ticket.next()
        if piece is None:
            self.wait()
            raise StopIteration
        return piece

    def wait(self) -> Result:
        """The whole answer, once it is there, with the text of pieces that were not taken.

        Raises:
            ContextError: prompt and picture are longer than the model's context.
            EngineError: the engine failed or was closed.
        """
        if self._result is None:
            self._result = self._reading.result()
        return self._result

    @property
    def result(self) -> Result:
        """The whole answer; there once the pieces have ended.

        Raises:
            EngineError: the pieces have not ended yet.
        """
        if self._result is None:
            raise EngineError("the stream has not ended; take all of its pieces, or call wait()")
        return self._result

    def close(self) -> None:
        """Cancel the request if it still runs. Safe to call twice, and from another thread."""
        self._reading.cancel()

    def __del__(self) -> None:
        # absent when __init__ was never reached
        if (reading := getattr(self, "_reading", None)) is not None:
            reading.cancel()


class AsyncStream(AsyncIterator[str]):
    """As `Stream`, for asyncio. Leaving its `async with` block cancels the request."""

    def __init__(self, reading: Reading, notifier: Notifier, *, pieces: bool = True) -> None:
        """Follows a reading; without `pieces`, it is told of the end alone, and there is `wait`."""
        self._reading = reading
        self._result: Result | None = None
        self._pieces: list[str] = []
        loop = asyncio.get_running_loop()
        ticket = reading.ticket
        wake = (changed := asyncio.Event()).set
        self._changed = changed

        def tell() -> bool:  # without `self`: what is dropped must not live on in the notifier
            # Asked first: an end that comes after this is told by a call of its own, which must
            # find somebody to call.
            done = ticket.done()
            if done or pieces:
                with suppress(RuntimeError):  # the loop is closed, nobody waits
                    loop.call_soon_threadsafe(wake)
                    return not done
                return False
            return True

        notifier.watch(ticket, tell)

    async def __anext__(self) -> str:
        while True:
            self._changed.clear()
            done = self._reading.ticket.done()  # asked first: what comes before the end is taken
            with memory_for("the answer"):
                self._pieces += self._reading.ticket.take_pieces()
            if self._pieces:
                return self._pieces.pop(0)
            if done:
                self._result = self._reading.result()
                raise StopAsyncIteration
            await self._changed.wait()

    async def wait(self) -> Result:
        """The whole answer, once it is there, with the text of pieces that were not taken.

        Raises:
            As `Stream.wait`.
        """
        while self._result is None:
            self._changed.clear()
            if self._reading.ticket.done():
                self._result = self._reading.result()
            else:
                await self._changed.wait()
        return self._result

    @property
    def result(self) -> Result:
        """The whole answer; there once the pieces have ended.

        Raises:
            EngineError: the pieces have not ended yet.
        """
        if self._result is None:
            raise EngineError("the stream has not ended; take all of its pieces, or wait()")
        return self._result

    async def aclose(self) -> None:
        """Cancel the request if it still runs."""
        self._reading.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if (reading := getattr(self, "_reading", None)) is not None:
            reading.cancel()
