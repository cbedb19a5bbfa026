# SPDX-License-Identifier: Apache-2.0
"""A picture that is read in the background, if need be more than once."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from ppocrvl.engine.answers import Answer
from ppocrvl.engine.retries import Attempts
from ppocrvl.requests.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.engine.answers import Notifier, Reading
    from ppocrvl.images.load import ImageSource
    from ppocrvl.requests.options import RequestOptions


class Start(Protocol):
    """Queues a request, whose deadline counts from `since`; waits for room in the line or not."""

    def __call__(
        self, image: ImageSource | None, asked: RequestOptions, *, wait: bool, since: float
    ) -> Reading:
        """The request."""


class BackgroundReading:
    """One attempt after the other, until the future has its result.

    Args:
        asked: how to read.
        load: gives the picture, in a form that can be read more than once.
        start: begins an attempt.
        notify: gives who tells of its end.
        later: has something done in a thread, or returns False.
    """

    def __init__(
        self,
        asked: RequestOptions,
        *,
        load: Callable[[], ImageSource | None],
        start: Start,
        notify: Callable[[], Notifier],
        later: Callable[[Callable[[], None]], bool],
    ) -> None:
        self._asked = asked
        self._load = load
        self._start = start
        self._notify = notify
        self._later = later
        self._attempts = Attempts(asked)
        self._answer = Answer()

    def begin(self, *, wait: bool) -> Answer:
        """The future; what kept the request from starting is in it as well."""
        since = perf_counter()
        try:
            source = self._load()
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self._answer.fail(error)
        else:
            self._attempt(source, self._asked, since, wait=wait)
        return self._answer

    def _attempt(
        self, source: ImageSource | None, asked: RequestOptions, since: float, *, wait: bool
    ) -> None:
        if self._answer.done():
            return  # a pool that could not start its thread then, and has one now
        try:
            notifier = self._notify()
            reading = self._start(source, asked, wait=wait, since=since)
            self._answer.follow(reading)
            notifier.watch(reading.ticket, partial(self._goes_on, source, reading))
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self._end(source, error)

    def _goes_on(self, source: ImageSource | None, reading: Reading) -> bool:
        """Whether the attempt still runs; the notifier asks."""
        if self._answer.done():
            return False
        if not reading.ticket.done():
            return True
        try:
            outcome: Result | Exception = reading.result()
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            outcome = error
        self._end(source, outcome)
        return False

    def _end(self, source: ImageSource | None, outcome: Result | Exception) -> None:
        """Begins another attempt after this outcome of one, or settles the answer."""
        try:
            if isinstance(outcome, Result):
                asked = self._attempts.next(outcome)
            else:
                asked = self._attempts.fail(outcome)
            if asked is not None and not self._answer.stopped:
                again = partial(self._attempt, source, asked, perf_counter(), wait=True)
                if self._later(again):
                    return
            self._answer.settle(self._attempts.best())
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self._answer.fail(error)
