# SPDX-License-Identifier: Apache-2.0
"""Which pages are meant, and how many pixels they get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.errors import OptionError, PageError
from ppocrvl.parsing.page_ranges import parse_page_ranges
from ppocrvl.parsing.sources.document_limits import MAX_PAGE_PIXELS, MAX_PAGE_SIDE
from ppocrvl.parsing.sources.page_size import page_size


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1-3,7,-1", [0, 1, 2, 6, 9]),
        ("10", [9]),
        ("3, 1 ,2-2", [0, 1, 2]),
        ("8-", [7, 8, 9]),
        ("-3--1", [7, 8, 9]),
        ("-10-2", [0, 1]),
        ("5,5,4-6", [3, 4, 5]),
    ],
)
def test_ranges(text: str, pages: list[int]) -> None:
    assert parse_page_ranges(text, 10) == pages


@pytest.mark.parametrize("text", ["", ",", "1,", "a", "1-2-3", "--1", "1--", "1.5", "\u0661", "+1"])
def test_what_is_no_list_of_pages(text: str) -> None:
    with pytest.raises(OptionError, match="write pages as 1-3,7,-1"):
        parse_page_ranges(text, 10)


def test_range_that_ends_before_it_begins() -> None:
    with pytest.raises(OptionError, match="'3-1' ends before it begins"):
        parse_page_ranges("3-1", 10)


@pytest.mark.parametrize("text", ["0", "11", "-11", "1-11", "999999999"])
def test_pages_that_are_not_there(text: str) -> None:
    with pytest.raises(PageError, match="the document has 10 pages"):
        parse_page_ranges(text, 10)


@given(st.data(), st.integers(1, 500))
def test_every_spelling_of_pages_means_them(data: st.DataObject, n_pages: int) -> None:
    index = st.integers(0, n_pages - 1)
    ranges = data.draw(st.lists(st.tuples(index, index).map(sorted), min_size=1, max_size=6))

    def number(page: int) -> str:
        return str(data.draw(st.sampled_from([page + 1, page - n_pages])))

    spelled = [
        number(first) if first == last and data.draw(st.booleans()) else
        f"{number(first)}-{number(last)}"
        for first, last in ranges
    ]  # fmt: skip
    pages = {page for first, last in ranges for page in range(first, last + 1)}
    assert parse_page_ranges(",".join(spelled), n_pages) == sorted(pages)


@given(st.text(alphabet="0123456789-, a", max_size=20), st.integers(1, 20))
def test_any_text_gives_pages_or_an_error(text: str, n_pages: int) -> None:
    try:
        pages = parse_page_ranges(text, n_pages)
    except (OptionError, PageError):
        return
    assert pages == sorted(set(pages))
    assert set(pages) <= set(range(n_pages))


SIDE = st.floats(1e-3, 1e9, allow_nan=False)


@given(SIDE, SIDE, st.floats(18, 1200))
def test_size_of_a_page_is_within_the_limits(width: float, height: float, dpi: float) -> None:
    size = page_size(width, height, dpi)
    assert 1 <= size.width <= MAX_PAGE_SIDE
    assert 1 <= size.height <= MAX_PAGE_SIDE
    assert size.width * size.height <= MAX_PAGE_PIXELS
    assert size.dpi <= dpi
    if size.note is None:
        assert size.dpi == dpi
        assert (size.width - 1) * 72 / dpi <= width
        assert size.width * 72 / dpi >= width * (1 - 1e-9)


def test_usual_pages_keep_their_resolution() -> None:
    size = page_size(612, 792, 144)
    assert (size.width, size.height, size.dpi, size.note) == (1224, 1584, 144, None)
    assert page_size(2384, 3370, 144).note is None  # A0
