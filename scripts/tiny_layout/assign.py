# SPDX-License-Identifier: Apache-2.0
"""The cheapest one-to-one assignment of regions to queries (Hungarian method)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def assign(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """For every row of ``cost`` [rows, columns], rows ≤ columns, its column in the cheapest choice.

    Shortest augmenting paths with potentials; rows are added one by one.
    """
    rows, columns = cost.shape
    of_row, of_column = np.zeros(rows), np.zeros(columns)  # potentials
    owner = np.full(columns, -1)  # the row that has a column
    for new in range(rows):
        distance = np.full(columns, np.inf)
        before = np.full(columns, -1)
        done = np.zeros(columns, bool)
        row, at = new, -1
        reached = 0.0
        while True:
            through = reached + cost[row] - of_row[row] - of_column
            shorter = ~done & (through < distance)
            distance[shorter] = through[shorter]
            before[shorter] = at
            at = int(np.argmin(np.where(done, np.inf, distance)))
            reached = distance[at]
            done[at] = True
            if owner[at] < 0:
                break
            row = owner[at]
        passed = done.copy()
        passed[at] = False
        of_row[owner[passed]] += reached - distance[passed]
        of_column[passed] -= reached - distance[passed]
        of_row[new] += reached
        while at >= 0:
            previous = before[at]
            owner[at] = new if previous < 0 else owner[previous]
            at = previous
    result = np.empty(rows, np.int64)
    taken = np.flatnonzero(owner >= 0)
    result[owner[taken]] = taken
    return result
