# SPDX-License-Identifier: Apache-2.0
"""OTSL tables: spans, rows of unequal length, and text that is no table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.markup.otsl import Cell, read_otsl


def texts(otsl: str) -> list[str]:
    return [cell.text for cell in read_otsl(otsl)]


def test_a_plain_table() -> None:
    assert read_otsl("<fcel>a<fcel>b<nl><fcel>c<ecel><nl>") == [
        Cell(0, 0, "a"),
        Cell(0, 1, "b"),
        Cell(1, 0, "c"),
        Cell(1, 1, ""),
    ]


def test_spans() -> None:
    otsl = "<fcel>wide<lcel><fcel>x<nl><fcel>tall<fcel>y<fcel>big<nl><ucel><fcel>z<ucel><nl>"
    assert read_otsl(otsl) == [
        Cell(0, 0, "wide", 1, 2),
        Cell(0, 2, "x"),
        Cell(1, 0, "tall", 2, 1),
        Cell(1, 1, "y"),
        Cell(1, 2, "big", 2, 1),
        Cell(2, 1, "z"),
    ]
    both = "<fcel>all<lcel><nl><ucel><xcel><nl>"
    assert read_otsl(both) == [Cell(0, 0, "all", 2, 2)]


@pytest.mark.parametrize(
    ("otsl", "expected"),
    [
        ("<fcel>a<fcel>b<nl><fcel>c<nl>", ["a", "b", "c", ""]),  # a row too short
        ("<fcel>a<nl><fcel>b<ecel><ecel><nl><fcel>c<nl>", ["a", "b", "c"]),  # empty cells too many
        ("<fcel>a<fcel>b<nl><fcel>c<fcel>d", ["a", "b", "c", "d"]),  # cut off before the row's end
        ("<fcel> a \n<fcel>1 < 2 & <b><nl>", ["a", "1 < 2 & <b>"]),
        ("no table", []),
        ("", []),
        ("<nl><nl>", []),
    ],
)
def test_what_models_write(otsl: str, expected: list[str]) -> None:
    assert texts(otsl) == expected


TAGS = ["<fcel>", "<ecel>", "<lcel>", "<ucel>", "<xcel>", "<nl>", "a", " ", "<", "\n"]


@given(st.lists(st.sampled_from(TAGS), max_size=60).map("".join))
def test_any_answer_gives_a_table_without_overlap(otsl: str) -> None:
    cells = read_otsl(otsl)
    starts = [(cell.row, cell.column) for cell in cells]
    assert len(set(starts)) == len(starts)
    assert all(cell.row_span >= 1 and cell.column_span >= 1 for cell in cells)
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    assert width <= otsl.count("cel>")


GRIDS = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.text("ab1 .", max_size=4), min_size=width, max_size=width),
        min_size=1,
        max_size=5,
    )
)


@given(GRIDS)
def test_a_full_grid_comes_back(grid: list[list[str]]) -> None:
    otsl = "".join("".join(f"<fcel>{text}" for text in row) + "<nl>" for row in grid)
    assert texts(otsl) == [text.strip() for row in grid for text in row]
