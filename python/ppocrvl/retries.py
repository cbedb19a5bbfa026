# SPDX-License-Identifier: Apache-2.0
"""Reading a picture again after a loop or a doubtful answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.images.limits import MAX_REQUEST_PIXELS
from ppocrvl.results import Attempt, Result

if TYPE_CHECKING:
    from ppocrvl.options import RequestOptions

Change: TypeAlias = Callable[["RequestOptions", Result], "RequestOptions"]


def _with_more_pixels(asked: RequestOptions, result: Result) -> RequestOptions:
    assert asked.retry is not None  # noqa: S101 - nothing is tried again without
    width, height = result.resized
    area = min(MAX_REQUEST_PIXELS, int(width * height * asked.retry.enlarge))
    high = max(area, asked.max_pixels or 0)
    return dataclasses.replace(asked, min_pixels=area, max_pixels=high)


def _with_penalty(asked: RequestOptions, _: Result) -> RequestOptions:
    assert asked.retry is not None  # noqa: S101
    return dataclasses.replace(asked, repetition_penalty=asked.retry.repetition_penalty)


LADDER: tuple[tuple[str, Change], ...] = (
    ("more pixels", _with_more_pixels),
    ("penalty", _with_penalty),
)


class Attempts:
    """The readings of one picture, and whether there is to be another."""

    def __init__(self, asked: RequestOptions) -> None:
        self._asked = asked
        self._results: list[Result] = []

    def next(self, result: Result) -> RequestOptions | None:
        """Notes an answer; what to ask next, or None if that is enough."""
        self._results.append(result)
        done = len(self._results)
        if self._asked.retry is None or done > len(LADDER) or not self._is_doubtful(result):
            return None
        return LADDER[done - 1][1](self._asked, self._results[0])

    def best(self) -> Result:
        """The best of the answers; where there were several, with all of them."""
        best = max(self._results, key=lambda r: (r.finish_reason != "repetition", r.confidence))
        if len(self._results) == 1:
            return best
        reasons = ("first", *(name for name, _ in LADDER))
        return dataclasses.replace(
            best,
            attempts=tuple(
                Attempt(reason, r.text, r.finish_reason, r.confidence, r.resized)
                for reason, r in zip(reasons, self._results, strict=False)
            ),
        )

    def _is_doubtful(self, result: Result) -> bool:
        if result.finish_reason in {"cancelled", "deadline"}:
            return False
        assert self._asked.retry is not None  # noqa: S101
        return result.finish_reason == "repetition" or result.confidence < self._asked.retry.below
