# SPDX-License-Identifier: Apache-2.0
"""From readings of neighbouring stretches to captions: the same text twice is one caption."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ppocrvl.video.captions import Caption

MOST_APART = 0.2
"""Edits by the length of the longer text up to which one may be the other, misread."""
CERTAIN = 0.9
"""Lowest probability of a token from which on a reading is not doubted: of two such that differ in
a letter, each is what stands there, as in a clock that goes on."""


def merged(readings: Iterable[Caption], *, gap: float) -> Iterator[Caption]:
    """Captions, each from its first reading's begin to its last one's end.

    Args:
        readings: in the order of time; those without text are left out.
        gap: seconds between two readings up to which they may be of one caption.
    """
    kept: Caption | None = None
    for reading in readings:
        if not reading.text.strip():
            continue
        if kept is not None and reading.begin - kept.end <= gap and are_same(kept, reading):
            better = max(kept, reading, key=lambda one: one.confidence)
            kept = replace(
                better,
                begin=kept.begin,
                end=reading.end,
                readings=kept.readings + reading.readings,
            )
            continue
        if kept is not None:
            yield kept
        kept = reading
    if kept is not None:
        yield kept


def are_same(one: Caption, other: Caption) -> bool:
    """Whether both are readings of one text."""
    first, second = " ".join(one.text.split()), " ".join(other.text.split())
    if first == second:
        return True
    if min(one.min_confidence, other.min_confidence) >= CERTAIN:
        return False
    most = int(MOST_APART * max(len(first), len(second)))
    return edits(first, second, most) <= most


def edits(one: str, other: str, most: int) -> int:
    """Letters to insert, delete or replace to get from one text to the other (Levenshtein).

    Args:
        one: a text.
        other: a text.
        most: what is more need not be exact: `most` + 1 is given.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row = row, [i]
        for j, target in enumerate(other, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != target)))
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
