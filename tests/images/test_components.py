# SPDX-License-Identifier: Apache-2.0
"""Connected components, against a flood fill."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ppocrvl.images.components import find_components

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))


def flooded(mask: np.ndarray) -> np.ndarray:
    """Components by a flood fill, 1, 2, … in the order of reading, 0 where nothing is set."""
    labels = np.zeros(mask.shape, int)
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        labels[start] = number = labels.max() + 1
        waiting = [start]
        while waiting:
            row, column = waiting.pop()
            for y in range(max(0, row - 1), min(mask.shape[0], row + 2)):
                for x in range(max(0, column - 1), min(mask.shape[1], column + 2)):
                    if mask[y, x] and not labels[y, x]:
                        labels[y, x] = number
                        waiting.append((y, x))
    return labels


@given(masks)
def test_components_are_those_of_a_flood_fill(mask: np.ndarray) -> None:
    runs = find_components(mask)
    labels = np.zeros(mask.shape, int)
    for row, start, end, component in zip(
        runs.rows, runs.starts, runs.ends, runs.components, strict=True
    ):
        labels[row, start:end] = component + 1
    assert np.array_equal(labels, flooded(mask))


@given(masks, st.integers(0, 5))
def test_gaps_are_closed(mask: np.ndarray, gap: int) -> None:
    closed = mask.copy()
    for row in closed:
        for left, right in pairwise(np.flatnonzero(row).tolist()):
            if right - left - 1 <= gap:
                row[left:right] = True
    found, expected = find_components(mask, gap), find_components(closed)
    for name in ("rows", "starts", "ends", "components"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))


@given(masks.filter(np.any))
def test_boxes_and_first_runs(mask: np.ndarray) -> None:
    runs = find_components(mask)
    labels = flooded(mask)
    first = runs.first_runs()
    for number, (x0, y0, x1, y1) in enumerate(runs.boxes(), 1):
        rows, columns = np.nonzero(labels == number)
        assert (x0, y0, x1, y1) == (
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        )
        start = first[number - 1]
        assert (runs.rows[start], runs.starts[start]) == (rows[0], columns[0])
