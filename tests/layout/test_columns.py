# SPDX-License-Identifier: Apache-2.0
"""In a column, what stands higher is read first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.layout.columns import column_by_column
from ppocrvl.layout.region import Box, Region


def regions(*boxes: Box, label: str = "text") -> list[Region]:
    return [Region.of_box(label, 0.5, box, order) for order, box in enumerate(boxes)]


def order_of(found: list[Region], *boxes: Box) -> list[int]:
    """The places of the found ones among the boxes that were given."""
    assert [region.order for region in found] == list(range(len(found)))
    return [boxes.index(region.box) for region in found]


LEFT = [(0, y, 100, y + 30) for y in (100, 140, 180)]
RIGHT = [(120, y, 220, y + 30) for y in (100, 140, 180)]
TITLE = (0, 50, 220, 90)


def test_a_right_order_stays() -> None:
    for boxes in ((), (TITLE,), (TITLE, *LEFT, *RIGHT), (TITLE, *RIGHT, *LEFT)):
        given_regions = regions(*boxes)
        assert column_by_column(given_regions) == given_regions


def test_what_comes_too_late_is_read_before_what_is_below_it() -> None:
    late = (TITLE, LEFT[0], LEFT[2], LEFT[1], *RIGHT)
    assert order_of(column_by_column(regions(*late)), TITLE, *LEFT, *RIGHT) == [*range(7)]
    last = (*LEFT[1:], *RIGHT, LEFT[0], TITLE)
    assert order_of(column_by_column(regions(*last)), TITLE, *LEFT, *RIGHT) == [*range(7)]


def test_a_narrow_region_is_in_the_column_of_a_wide_one() -> None:
    number = (90, 215, 130, 225)  # touches both columns
    found = column_by_column(regions(number, *LEFT, *RIGHT))
    assert order_of(found, *LEFT, *RIGHT, number) == [*range(7)]
    beside = (99, 215, 119, 225)  # a twentieth of it is in the left one, none in the right one
    found = column_by_column(regions(beside, *LEFT, *RIGHT))
    assert order_of(found, beside, *LEFT, *RIGHT) == [*range(7)]


def test_boxes_may_overlap_a_little() -> None:
    upper, lower = (0, 0, 100, 33), (0, 30, 100, 60)
    assert order_of(column_by_column(regions(lower, upper)), upper, lower) == [0, 1]
    upper, lower = (0, 0, 100, 40), (0, 30, 100, 60)  # a third
    assert order_of(column_by_column(regions(lower, upper)), upper, lower) == [1, 0]


def test_a_footnote_may_be_read_before_what_is_above_it() -> None:
    note = Region.of_box("footnote", 0.5, (0, 220, 100, 230), 0)
    assert column_by_column([note, *regions(*LEFT)])[0] == note
    # but nothing is read before a footnote above it
    below = Region.of_box("text", 0.5, (0, 240, 100, 250), 0)
    assert [one.label for one in column_by_column([below, note])] == ["footnote", "text"]


sides = st.tuples(st.integers(0, 40), st.integers(1, 20))
page = st.lists(st.tuples(sides, sides, st.sampled_from(["text", "footnote"])), max_size=25)


@given(page)
def test_any_page(drawn: list[tuple[tuple[int, int], tuple[int, int], str]]) -> None:
    """Nothing is lost or doubled, and a second time changes nothing."""
    given_regions = [
        Region.of_box(label, 0.5, (x, y, x + width, y + height), order)
        for order, ((x, width), (y, height), label) in enumerate(drawn)
    ]
    found = column_by_column(given_regions)
    assert [one.order for one in found] == [*range(len(found))]
    key = lambda region: (region.label, region.box)  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, given_regions))
    assert column_by_column(found) == found
    for i, region in enumerate(found):
        for later in found[i + 1 :]:
            is_in_column = later.box[0] == region.box[0] and later.box[2] == region.box[2]
            if is_in_column and region.label != "footnote":
                assert later.box[3] > region.box[1]
