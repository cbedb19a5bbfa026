# SPDX-License-Identifier: Apache-2.0
"""Backpressure: how many pictures, pages, and bytes of bodies are inside at once."""

from __future__ import annotations

import math
from time import perf_counter

from ppocrvl.server.codes import ApiError

_FIRST_GUESS = 1.0  # seconds a picture or page, until one was read
_WEIGHT = 0.1  # of a new measurement in the running mean
_LONGEST_WAIT = 60


class Slot:
    """The place of one picture or page, from its admission to the end of its reading."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission
        self._started = perf_counter()

    def release(self) -> None:
        """Gives it back; a second time does nothing."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.note_end(perf_counter() - self._started)


class Admission:
    """Places for pictures, or for pages: those that are read, and a bounded line behind them.

    The line itself stands in the engine, which knows priorities and cancellation, or before the
    places of documents; here it is only counted, so that nobody has to wait for a place to wait in.

    Args:
        parallel: of them are read at once.
        waiting: may stand behind those.
        what: to call them.
    """

    def __init__(self, parallel: int, waiting: int, what: str = "images") -> None:
        self.parallel = parallel
        self._what = what
        self.limit = parallel + waiting
        self.inside = 0
        self._seconds = _FIRST_GUESS

    def check(self, count: int = 1) -> None:
        """Whether there is room.

        Raises:
            ApiError: there is none; with the seconds after which there should be.
        """
        if self.inside + count <= self.limit:
            return
        raise ApiError(
            "queue_full",
            f"{self.inside} {self._what} are being read or wait already, of at most {self.limit}; "
            "try again later",
            retry_after=self._retry_after(),
        )

    def take(self, count: int) -> list[Slot]:
        """A place for each.

        Raises:
            ApiError: as `check`.
        """
        self.check(count)
        self.inside += count
        return [Slot(self) for _ in range(count)]

    def note_end(self, seconds: float) -> None:
        """One is out again, after so long."""
        self.inside -= 1
        self._seconds += _WEIGHT * (seconds - self._seconds)

    def _retry_after(self) -> int:
        # A place is free when the next of those inside ends: they end one by one.
        return max(1, min(_LONGEST_WAIT, math.ceil(self._seconds / self.limit)))


class ByteBudget:
    """Memory for the bodies and pictures of all requests together.

    Attributes:
        limit: bytes.
        held: bytes now.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def share(self) -> Share:
        """What one request holds of it: nothing yet."""
        return Share(self)


class Share:
    """What one request holds of a budget."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held = 0

    def add(self, count: int) -> None:
        """Hold so many more bytes.

        Raises:
            ApiError: that is over the limit.
        """
        if self._budget.held + count > self._budget.limit:
            raise ApiError(
                "server_busy", "too much is being uploaded at once; try again later", retry_after=1
            )
        self._budget.held += count
        self._held += count

    def shrink(self, count: int) -> None:
        """Hold no more than so many bytes."""
        less = max(0, self._held - count)
        self._held -= less
        self._budget.held -= less

    def release(self) -> None:
        """Hold nothing."""
        self.shrink(0)
