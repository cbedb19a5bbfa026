# SPDX-License-Identifier: Apache-2.0
"""A picture that is read in the background, if need be more than once."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from ppocrvl.engine.answers import Answer
from ppocrvl.engine.retries import Attempts
from ppocrvl.errors import EngineError
from ppocrvl.requests.request import Request, next_about
from ppocrvl.requests.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.engine.notifier import Notifier
    from ppocrvl.engine.pending import PendingAnswer


class Start(Protocol):
    """Queues a request, whose deadline counts from `since`; waits for room in the line or not."""

    def __call__(
        self, request: Request, *, wait: bool, since: float
    ) -> tuple[PendingAnswer, Notifier]:
        """The request that runs, and who tells of its end."""


class BackgroundRequest:
    """One attempt after the other, until the future has its result. The deadline counts from now.

    Args:
        request: what to read, and how.
        load: gives the request, with a picture that can be read more than once.
        start: begins an attempt.
        later: has something done in a thread.

    Attributes:
        answer: the future; what kept the request from starting is in it as well.
    """

    def __init__(
        self,
        request: Request,
        *,
        load: Callable[[Request], Request],
        start: Start,
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._request = request
        self._load = load
        self._start = start
        self._later = later
        self._since = perf_counter()
        self._attempts: Attempts[Request] = Attempts(request)
        self.answer = Answer()

    def begin(self, *, wait: bool) -> None:
        """Prepares the picture and queues the request, unless nobody wants it any more."""
        if self.answer.done():
            return
        try:
            request = self._load(self._request)
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self.answer.fail(error)
        else:
            self._attempt(request, self._since, wait=wait)

    def begin_later(self, then: Callable[[], None] = lambda: None) -> None:
        """Does so in a thread, where it may wait for room in the line; calls `then` afterwards.

        Where no thread can be started now, `then` may be called a second time.
        """

        def begin() -> None:
            try:
                self.begin(wait=True)
            finally:
                then()

        try:
            self._later(begin)
        except EngineError as error:
            self.answer.fail(error)
            then()

    def _attempt(self, request: Request, since: float, *, wait: bool) -> None:
        if self.answer.done():
            return  # a pool that could not start its thread then, and has one now
        try:
            pending, notifier = self._start(request, wait=wait, since=since)
            self.answer.follow(pending)
            notifier.watch(pending.ticket, partial(self._goes_on, request, pending))
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self._end(request, error)

    def _goes_on(self, request: Request, pending: PendingAnswer) -> bool:
        """Whether the attempt still runs; the notifier asks."""
        if self.answer.done():
            return False
        if not pending.ticket.done():
            return True
        try:
            outcome: Result | Exception = pending.result()
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            outcome = error
        self._end(request, outcome)
        return False

    def _end(self, request: Request, outcome: Result | Exception) -> None:
        """Begins another attempt after this outcome of one, or settles the answer."""
        try:
            if isinstance(outcome, Result):
                options = self._attempts.next(outcome)
            else:
                options = self._attempts.fail(outcome)
            again = next_about(request, options)
            if again is not None and not self.answer.stopped:
                with suppress(EngineError):  # no thread: what there is is the answer
                    self._later(partial(self._attempt, again, perf_counter(), wait=True))
                    return
            self.answer.settle(self._attempts.best())
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self.answer.fail(error)
