# SPDX-License-Identifier: Apache-2.0
"""Where a block is cut that has more lines than a model can read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.parsing.strips import rows_of, strips


def test_pieces_of_a_line_are_one_row() -> None:
    lines = [(50, 11, 90, 20), (0, 30, 90, 40), (0, 10, 40, 21)]
    assert rows_of(lines) == [(0, 10, 90, 21), (0, 30, 90, 40)]


def test_a_small_piece_beside_a_tall_one_is_of_its_row() -> None:
    """Whichever comes first: the middle of one lies within the other."""
    assert rows_of([(0, 0, 40, 30), (50, 17, 60, 29)]) == [(0, 0, 60, 30)]
    assert rows_of([(50, 1, 60, 11), (0, 0, 40, 30)]) == [(0, 0, 60, 30)]


def test_lines_beyond_the_picture_are_cut_off() -> None:
    rows = [(0, 0, 9, 10), (0, 40, 9, 60), (0, 62, 9, 70)]
    assert strips(rows, 30, 1) == [(0, 25), (25, 30)]


def test_lines_that_touch_stay_apart() -> None:
    lines = [(0, 0, 90, 12), (0, 10, 90, 22), (0, 20, 90, 32)]
    assert rows_of(lines) == lines


@pytest.mark.parametrize("max_lines", [0, 3, 9])
def test_few_lines_are_not_cut(max_lines: int) -> None:
    assert strips([(0, 0, 9, 9), (0, 10, 9, 19), (0, 20, 9, 29)], 30, max_lines) == [(0, 30)]


def test_cuts_lie_half_way_between_lines() -> None:
    rows = [(0, 10 * i, 9, 10 * i + 6) for i in range(4)]
    assert strips(rows, 40, 2) == [(0, 18), (18, 40)]


def test_strips_are_equally_long() -> None:
    rows = [(0, 10 * i, 9, 10 * i + 8) for i in range(10)]
    assert [b - a for a, b in strips(rows, 100, 9)] == [49, 51]


ROWS = st.lists(
    st.tuples(st.integers(1, 20), st.integers(0, 9)), min_size=1, max_size=60
)  # heights, gaps


@given(ROWS, st.integers(1, 12))
def test_strips_are_the_whole_and_hold_few_lines(
    sizes: list[tuple[int, int]], max_lines: int
) -> None:
    rows, y = [], 0
    for height, gap in sizes:
        rows.append((0, y, 10, y + height))
        y += height + gap
    cut = strips(rows, y, max_lines)
    assert cut[0][0] == 0
    assert cut[-1][1] == y
    assert all(a[1] == b[0] for a, b in pairwise(cut))
    for top, bottom in cut:
        whole = [row for row in rows if row[1] >= top and row[3] <= bottom]
        assert 1 <= len(whole) <= max_lines
    assert sum(top <= row[1] and row[3] <= bottom for row in rows for top, bottom in cut) == len(
        rows
    )
