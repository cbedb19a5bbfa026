# SPDX-License-Identifier: Apache-2.0
"""Answers that are on their way: as a stream, as a future, in asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from ppocrvl.engine.forks import Home
from ppocrvl.errors import CancelledError, EngineError, PpocrvlError
from ppocrvl.requests.results import Result
from ppocrvl.support.closing import AsyncClosing, Closing
from ppocrvl.support.resources import memory_for

if TYPE_CHECKING:
    from ppocrvl.engine.notifier import Notifier
    from ppocrvl.engine.pending import PendingAnswer


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
    """A `concurrent.futures.Future` of a result. It can be cancelled until it is done."""

    def __init__(self) -> None:
        super().__init__()
        self._home = Home()
        self._handle = Handle()
        self._notify_once = iter([self.set_running_or_notify_cancel])

    def follow(self, request: Stoppable) -> None:
        """From now on `cancel` and `stop` end this request."""
        self._handle.follow(request)

    @property
    def stopped(self) -> bool:
        """Whether the answer was cancelled or stopped."""
        return self._handle.stopped

    def running(self) -> bool:
        """Whether the request has started and is not done. It can still be cancelled."""
        return self._handle.has_begun and not self.done()

    def cancel(self) -> bool:
        """Cancel the answer at once, and end the request at its next step.

        The text so far is lost; `stop` keeps it.

        Returns:
            False if the answer was already done, otherwise True.
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
        """End the request at its next step, with the text so far as the result.

        Its `finish_reason` is then "cancelled". If the answer is done, this does nothing.
        """
        if not self.done():
            self._handle.stop()

    def result(self, timeout: float | None = None) -> Result:
        """Like `concurrent.futures.Future.result`.

        Raises:
            PpocrvlError: the image could not be read.
            CancelledError: the answer was cancelled.
            EngineError: this process was forked before the answer was done.
            TimeoutError: the answer was not done in time.
        """
        self._check()
        with _own_cancelled_error():
            return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Like `concurrent.futures.Future.exception`.

        Raises:
            CancelledError: the answer was cancelled.
            EngineError: this process was forked before the answer was done.
            TimeoutError: the answer was not done in time.
        """
        self._check()
        with _own_cancelled_error():
            return super().exception(timeout)

    def settle(self, result: Result) -> None:
        """Set the result. Only the first call of this or `fail` has an effect."""
        with suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Set the error."""
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
    """Pieces of text as they are generated. After iterating, `result` has the answer."""

    def __init__(self, pending: PendingAnswer) -> None:
        self._pending = pending
        self._result: Result | None = None

    def __next__(self) -> str:
        with memory_for("the answer"):
            piece = self._pending.ticket.next()
        if piece is None:
            self.wait()
            raise StopIteration
        return piece

    def wait(self) -> Result:
        """Wait for the whole answer, which includes pieces that were not consumed.

        Raises:
            ContextError: prompt and image are longer than the model's context.
            EngineError: the engine failed or was closed.
        """
        if self._result is None:
            self._result = self._pending.result()
        return self._result

    @property
    def result(self) -> Result:
        """The whole answer; available after the last piece.

        Raises:
            EngineError: the last piece was not yet consumed.
        """
        if self._result is None:
            raise EngineError("the stream has not ended; take all of its pieces, or call wait()")
        return self._result

    def close(self) -> None:
        """Cancel the request if it is still running. Safe to call twice and from other threads."""
        self._pending.cancel()

    def __del__(self) -> None:
        # absent when __init__ was never reached
        if (pending := getattr(self, "_pending", None)) is not None:
            pending.cancel()


class AsyncStream(AsyncClosing, AsyncIterator[str]):
    """Like `Stream`, for asyncio. Leaving its `async with` block cancels the request."""

    def __init__(self, pending: PendingAnswer, notifier: Notifier, *, pieces: bool = True) -> None:
        """Follows a request; without `pieces`, it is told of the end alone, and there is `wait`."""
        self._pending = pending
        self._result: Result | None = None
        self._pieces: list[str] = []
        loop = asyncio.get_running_loop()
        ticket = pending.ticket
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
            done = self._pending.ticket.done()  # asked first: what comes before the end is taken
            with memory_for("the answer"):
                self._pieces += self._pending.ticket.take_pieces()
            if self._pieces:
                return self._pieces.pop(0)
            if done:
                self._result = self._pending.result()
                raise StopAsyncIteration
            await self._changed.wait()

    async def wait(self) -> Result:
        """Wait for the whole answer, which includes pieces that were not consumed.

        Raises:
            PpocrvlError: as `Stream.wait`.
        """
        while self._result is None:
            self._changed.clear()
            if self._pending.ticket.done():
                self._result = self._pending.result()
            else:
                await self._changed.wait()
        return self._result

    @property
    def result(self) -> Result:
        """The whole answer; available after the last piece.

        Raises:
            EngineError: the last piece was not yet consumed.
        """
        if self._result is None:
            raise EngineError("the stream has not ended; take all of its pieces, or wait()")
        return self._result

    async def aclose(self) -> None:
        """Cancel the request if it is still running."""
        self._pending.cancel()

    def __del__(self) -> None:
        if (pending := getattr(self, "_pending", None)) is not None:
            pending.cancel()
