# SPDX-License-Identifier: Apache-2.0
"""Words of a text layer, and how many of them regions cover."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from look_at_real_pages import MOST_BYTES, SIDE, Count, small, table
from ppocrvl.parsing.sources.source import Character
from real_pages.chosen import SHOWN, Set
from real_pages.words import covered, words_of

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 200, 100


def line(text: str, x: float, y: float) -> list[Character]:
    """Letters ten pixels wide; spaces have no size."""
    return [
        Character(one, (x + 10 * i, y, x + 10 * i + (0 if one.isspace() else 10), y + 12))
        for i, one in enumerate(text)
    ]


def test_words_stand_between_spaces_and_on_one_line() -> None:
    layer = [*line("to be\u00a0or", 20, 10), *line("not", 20, 40), *line(" ", 50, 40)]
    assert words_of(layer, SIZE).tolist() == [
        [20, 10, 40, 22],
        [50, 10, 70, 22],
        [80, 10, 100, 22],
        [20, 40, 50, 52],
    ]


def test_what_lies_off_the_page_is_no_word() -> None:
    layer = [*line("in", 10, 10), *line(" ", 0, 0), *line("out", 300, 10), *line("up", 10, -40)]
    assert words_of(layer, SIZE).tolist() == [[10, 10, 30, 22]]
    assert words_of([], SIZE).shape == (0, 4)


def test_a_word_lies_in_a_region_that_has_half_of_it() -> None:
    words = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], np.float64)
    regions = [[5, 0, 24, 10], [26, 0, 30, 10]]
    assert covered(words, regions).tolist() == [True, False, False]
    assert not covered(words, []).any()
    assert covered(words[:0], regions).shape == (0,)


@given(st.integers(1, 400), st.integers(1, 20))
def test_pages_are_spread_over_a_document(n_pages: int, most: int) -> None:
    pages = list(Set("", (), most).pages(n_pages))
    assert len(pages) == min(n_pages, most)
    assert pages == sorted(set(pages))
    assert 0 <= pages[0] <= pages[-1] < n_pages


def test_the_table_says_what_is_lost() -> None:
    lines = table({"a": Count(2, 9, 1, 1000, 5, 900), "b": Count(1, 0, 4, 0, 0, 0)})
    assert lines[2:] == [
        "| a | 2 | 5.0 | 10% | 1,000 | 90.00% | 99.50% |",
        "| b | 1 | 4.0 | 100% | 0 | no text layer | no text layer |",
        "| all | 3 | 4.7 | 36% | 1,000 | 90.00% | 99.50% |",
    ]


def test_pictures_in_the_document_are_small(tmp_path: Path) -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (60, 40, 3), np.uint8)
    path = tmp_path / "drawn.png"
    Image.fromarray(blocks).resize((1600, 2400)).save(path)
    data = small(path)
    assert len(data) <= MOST_BYTES
    with Image.open(BytesIO(data)) as image:
        assert max(image.size) == SIDE


def test_all_pictures_in_the_document_are_there(project_root: Path) -> None:
    found = {path.stem for path in (project_root / "docs" / "layout").glob("*.jpg")}
    assert found == {one.page for one in SHOWN}
    assert len(found) <= 6
