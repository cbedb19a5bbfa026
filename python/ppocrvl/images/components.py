# SPDX-License-Identifier: Apache-2.0
"""Connected parts of a binary image, found over its horizontal runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of set pixels, in the order in which the image is read, and whose component each is.

    Attributes:
        rows: int64 [n].
        starts: int64 [n], first column.
        ends: int64 [n], column after the last.
        components: int64 [n], numbered from 0 by where their first runs stand.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    components: NDArray[np.int64]

    def first_runs(self) -> NDArray[np.int64]:
        """The index of each component's first run: its uppermost row, there the leftmost."""
        return np.unique(self.components, return_index=True)[1].astype(np.int64)

    def boxes(self) -> NDArray[np.int64]:
        """int64 [n components, 4]: x0, y0, x1, y1 of each, the latter two exclusive."""
        n = int(self.components.max(initial=-1)) + 1
        boxes = np.full((n, 4), np.iinfo(np.int64).max, np.int64)
        boxes[:, 2:] = 0
        np.minimum.at(boxes[:, 0], self.components, self.starts)
        np.minimum.at(boxes[:, 1], self.components, self.rows)
        np.maximum.at(boxes[:, 2], self.components, self.ends)
        np.maximum.at(boxes[:, 3], self.components, self.rows + 1)
        return boxes


def find_components(mask: NDArray[np.bool_], gap: int = 0) -> Runs:
    """The 8-connected components of the set pixels.

    Args:
        mask: bool [h, w].
        gap: two runs in a row with no more unset pixels between them are one run.
    """
    height, width = mask.shape
    framed = np.zeros((height, width + 2), np.int8)
    framed[:, 1:-1] = mask
    steps = np.diff(framed, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    is_new = (rows[1:] != rows[:-1]) | (starts[1:] - ends[:-1] > gap)
    begins, closes = np.ones((2, len(rows)), np.bool_)
    begins[1:] = closes[:-1] = is_new
    rows, starts, ends = rows[begins], starts[begins], ends[closes]
    above, below = _touching(rows, starts, ends, width + 2)
    roots = connected(len(rows), above, below)
    return Runs(rows, starts, ends, np.unique(roots, return_inverse=True)[1].astype(np.int64))


def _touching(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of runs of consecutive rows that touch, corners included."""
    next_row = (rows + 1) * stride
    first = np.searchsorted(rows * stride + ends, next_row + starts, "left")
    last = np.searchsorted(rows * stride + starts, next_row + ends, "right")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(above)) - np.repeat(np.cumsum(counts) - counts, counts)
    return above, np.repeat(first, counts) + offsets


def connected(n: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of n nodes the least one that it is connected with, by edges from left to right."""
    roots = np.arange(n)
    while True:
        least = np.minimum(roots[left], roots[right])
        hooked = roots.copy()
        np.minimum.at(hooked, roots[left], least)
        np.minimum.at(hooked, roots[right], least)
        while not np.array_equal(jumped := hooked[hooked], hooked):
            hooked = jumped
        if np.array_equal(hooked, roots):
            return roots
        roots = hooked
