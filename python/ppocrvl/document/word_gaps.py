# SPDX-License-Identifier: Apache-2.0
"""Where the spaces of a line of text are, by its ink."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Span: TypeAlias = tuple[float, float]
"""From, to, in pixels."""

_CLEARLY_WIDER = 1.15
"""By so much the narrowest space is wider than the widest gap between letters, if it is clear."""
_FAR = 3.0
"""Heights of a line by which a space may be off, if spaces are clear…"""
_NEAR = 0.9
"""… and if they are not."""
_PER_DISTANCE = 0.3
"""What a gap is worth less for each pixel that it is off."""


def empty_spans(columns: NDArray[np.bool_]) -> list[Span]:
    """Stretches without ink between stretches with it.

    Args:
        columns: bool [width], whether there is ink.
    """
    edges = np.flatnonzero(np.diff(columns.astype(np.int8))) + 1
    full = edges if not len(columns) or not columns[0] else np.concatenate(([0], edges))
    ends = full[1::2]
    return [(float(a), float(b)) for a, b in zip(ends, full[2::2], strict=False)]


def find_spaces(expected: Sequence[Span], gaps: Sequence[Span], height: float) -> list[Span]:
    """The spaces of a line.

    Args:
        expected: where they would be in an average font, from left to right.
        gaps: all stretches without ink, from left to right.
        height: of the line in pixels.

    Returns:
        As many as were expected, from left to right.
    """
    n = len(expected)
    by_width = sorted(gaps, key=_width, reverse=True)
    widest = sorted(by_width[:n])
    if (
        len(widest) == n
        and (len(gaps) == n or _width(by_width[n - 1]) > _CLEARLY_WIDER * _width(by_width[n]))
        and all(
            abs(_middle(one) - _middle(other)) <= _FAR * height
            for one, other in zip(widest, expected, strict=True)
        )
    ):
        return widest
    return _nearest(expected, gaps, height)


def _nearest(expected: Sequence[Span], gaps: Sequence[Span], height: float) -> list[Span]:
    """Near each expected one the gap that is widest, and not far."""
    found: list[Span] = []
    begin = -np.inf
    for one in expected:
        near = [
            gap
            for gap in gaps
            if gap[0] >= begin and abs(_middle(gap) - _middle(one)) <= _NEAR * height
        ]
        best = max(
            near,
            key=lambda gap: _width(gap) - _PER_DISTANCE * abs(_middle(gap) - _middle(one)),
            default=one,
        )
        found.append(best)
        begin = best[1]
    # one that was not found may lie within one that was
    return list(expected) if any(a[1] > b[0] for a, b in pairwise(found)) else found


def _width(span: Span) -> float:
    return span[1] - span[0]


def _middle(span: Span) -> float:
    return (span[0] + span[1]) / 2
