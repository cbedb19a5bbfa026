# SPDX-License-Identifier: Apache-2.0
"""Metrics against values worked out by hand, and what must hold for any texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.evaluation.metrics import (
    MOST_CELLS,
    cell_hits,
    character_errors,
    teds,
    word_errors,
)

TABLE = "<fcel>Name<fcel>Price<nl><fcel>Bread<fcel>5<nl>"


def test_edit_distances() -> None:
    assert character_errors("kitten", "sitting") == 3
    assert character_errors("", "abc") == character_errors("abc", "") == 3
    assert word_errors("one  two\nthree", "one two three") == 0
    assert word_errors("one tvo", "one two three") == 2


def test_cells() -> None:
    assert cell_hits(TABLE, TABLE) == (4, 4)
    assert cell_hits(TABLE.replace("Bread", "Bred"), TABLE) == (3, 4)
    assert cell_hits("<fcel>Name<fcel>Price<nl>", TABLE) == (2, 4)
    assert cell_hits("Name Price", TABLE) == (0, 4)
    shifted = "<ecel><fcel>Name<fcel>Price<nl><ecel><fcel>Bread<fcel>5<nl>"
    assert cell_hits(shifted, TABLE) == (0, 4)


def test_similarity_of_tables() -> None:
    assert teds(TABLE, TABLE) == 1
    # 7 nodes: table, 2 rows, 4 cells. One letter of five is missing in a cell.
    assert teds(TABLE.replace("Bread", "Bred"), TABLE) == pytest.approx(1 - 0.2 / 7)
    # A row and its two cells are missing.
    assert teds("<fcel>Name<fcel>Price<nl>", TABLE) == pytest.approx(1 - 3 / 7)
    # Everything but the table itself is missing.
    assert teds("nothing", TABLE) == pytest.approx(1 - 6 / 7)
    # A span where there were two cells: one cell deleted, one of another span.
    spanned = "<fcel>Name<lcel><nl><fcel>Bread<fcel>5<nl>"
    assert teds(spanned, TABLE) == pytest.approx(1 - 2 / 7)


def test_a_huge_table_is_left_out() -> None:
    huge = ("<fcel>1" * 30 + "<nl>") * (2 * MOST_CELLS // 30)
    assert teds(huge, TABLE) is None


WORDS = st.text("ab <>fcel\n", max_size=30)


@given(WORDS, WORDS)
def test_bounds(reading: str, truth: str) -> None:
    assert 0 <= character_errors(reading, truth) <= max(len(reading), len(truth))
    assert character_errors(reading, truth) == character_errors(truth, reading)
    similarity = teds(reading, truth)
    assert similarity is not None
    assert 0 <= similarity <= 1
    assert teds(truth, truth) == 1
