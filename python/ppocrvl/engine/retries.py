# SPDX-License-Identifier: Apache-2.0
"""Reading a picture again after a loop or a doubtful answer."""

from __future__ import annotations

import dataclasses
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

from ppocrvl.errors import CancelledError, PpocrvlError
from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS
from ppocrvl.requests.results import Attempt, Result

if TYPE_CHECKING:
    from ppocrvl.requests.options import RequestOptions

Options = TypeVar("Options", bound="RequestOptions")


def _with_more_pixels(asked: Options, result: Result) -> Options:
    assert asked.retry is not None  # noqa: S101 - nothing is tried again without
    width, height = result.resized
    area = min(MAX_REQUEST_PIXELS, int(width * height * asked.retry.enlarge))
    high = max(area, asked.max_pixels or 0)
    return dataclasses.replace(asked, min_pixels=area, max_pixels=high)


def _with_penalty(asked: Options, _: Result) -> Options:
    assert asked.retry is not None  # noqa: S101
    return dataclasses.replace(asked, repetition_penalty=asked.retry.repetition_penalty)


LADDER = (
    ("more pixels", _with_more_pixels),
    ("penalty", _with_penalty),
)
CUT_SHORT = ("deadline", "cancelled")
"""How an answer ends that would have gone on."""


class Attempts(Generic[Options]):
    """The readings of one picture, and whether there is to be another."""

    def __init__(self, asked: Options) -> None:
        self._asked = asked
        self._begun = perf_counter()
        self._ladder = iter(LADDER)
        self._reason = "first"
        self._read: list[tuple[str, Result]] = []

    def next(self, result: Result) -> Options | None:
        """Notes an answer; what to ask next, or None if that is enough."""
        self._read.append((self._reason, result))
        return self._further() if self._is_doubtful(result) else None

    def fail(self, error: Exception) -> Options | None:
        """Notes an attempt that failed; what to ask next, or None if that is enough.

        Raises:
            Exception: this error, where there is no answer from before, or nobody wants one, or it
                is a fault of our own.
        """
        if not self._read or isinstance(error, CancelledError):
            raise error
        if not isinstance(error, PpocrvlError):
            raise error
        return self._further()

    def best(self) -> Result:
        """The best of the answers; where there were several, with all of them."""
        best = max((result for _, result in self._read), key=_worth)
        if len(self._read) == 1:
            return best
        return dataclasses.replace(
            best,
            attempts=tuple(
                Attempt(reason, r.text, r.finish_reason, r.confidence, r.resized)
                for reason, r in self._read
            ),
        )

    def _further(self) -> Options | None:
        """The next step of the ladder, in what is left of the time for all of them."""
        deadline = self._asked.deadline
        if deadline is not None:
            deadline -= perf_counter() - self._begun
            if deadline <= 0:
                return None
        name, change = next(self._ladder, ("", None))
        if change is None:
            return None
        self._reason = name
        _, first = self._read[0]
        draft = None if self._asked.draft is None else first.text or self._asked.draft
        return dataclasses.replace(change(self._asked, first), deadline=deadline, draft=draft)

    def _is_doubtful(self, result: Result) -> bool:
        if self._asked.retry is None or result.finish_reason in CUT_SHORT:
            return False
        if result.finish_reason == "repetition":
            return True
        # Without log-probabilities, which some servers do not give, nothing is known of a text.
        known = bool(result.logprobs) or not result.text
        return known and result.confidence < self._asked.retry.below


def _worth(result: Result) -> tuple[int, float]:
    """Orders answers: whole ones before loops, and those before what was cut short."""
    if result.finish_reason in CUT_SHORT:
        return (0, result.confidence)
    return (1 if result.finish_reason == "repetition" else 2, result.confidence)
