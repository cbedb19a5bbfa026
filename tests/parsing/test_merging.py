# SPDX-License-Identifier: Apache-2.0
"""Which blocks are read as one, and in which order all of them come."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.parsing.merging import Group, merge_blocks

APART = frozenset(("image", "table"))
UPPER, LOWER = (0, 0, 200, 100), (0, 110, 110, 200)
"""Text above a figure, and the rest of it beside the figure."""
FIGURE = (120, 110, 200, 200)


def groups(*blocks: tuple[str, tuple[int, int, int, int]]) -> list[Group]:
    return merge_blocks([box for _, box in blocks], [label for label, _ in blocks], APART)


def alone(*members: int) -> list[Group]:
    return [Group((member,)) for member in members]


def test_what_stands_between_the_members_of_a_group_follows_it() -> None:
    """And what stands before and behind the group keeps its place."""
    title = ("doc_title", (0, -60, 200, -20))
    end = ("text", (400, 900, 500, 950))
    found = groups(title, ("text", UPPER), ("image", FIGURE), ("text", LOWER), end)
    assert found == [*alone(0), Group((1, 3), ("left",)), *alone(2, 4)]


def test_a_group_that_would_be_too_tall_is_read_apart() -> None:
    """Three times as tall as wide; still, what stands between its members comes after them."""
    upper, lower = (0, 0, 30, 60), (0, 62, 20, 92)
    found = groups(("text", upper), ("image", (22, 62, 30, 92)), ("text", lower))
    assert found == alone(0, 2, 1)
    lower = (0, 62, 20, 91)
    found = groups(("text", upper), ("image", (22, 62, 30, 91)), ("text", lower))
    assert found == [Group((0, 2), ("left",)), *alone(1)]


@pytest.mark.parametrize(
    ("box", "align"),
    [
        ((90, 110, 200, 200), "right"),
        ((5, 110, 110, 200), "left"),
        ((6, 110, 110, 200), None),  # no side is aligned
        ((0, 110, 196, 200), None),  # both are
        ((0, 149, 110, 200), "left"),
        ((0, 150, 110, 200), None),  # half of the taller one's height below
        ((0, -60, 110, -1), None),  # wholly above
        ((200, 110, 300, 200), None),  # they only touch
    ],
)
def test_blocks_one_under_the_other(box: tuple[int, int, int, int], align: str | None) -> None:
    found = groups(("text", UPPER), ("image", (50, 90, 150, 160)), ("text", box))
    assert found == (alone(0, 1, 2) if align is None else [Group((0, 2), (align,)), *alone(1)])  # type: ignore[arg-type]


def test_blocks_that_only_touch_at_a_corner_are_not_one_under_the_other() -> None:
    """Though their left sides are near; else what stands between them would come last."""
    narrow = ("text", (0, 0, 4, 9)), ("image", (0, 5, 10, 12)), ("text", (4, 10, 10, 19))
    assert groups(*narrow) == alone(0, 1, 2)


def test_blocks_one_under_the_other_go_around_something() -> None:
    assert groups(("text", UPPER), ("text", LOWER)) == alone(0, 1)
    far = ("image", (300, 300, 400, 400))
    assert groups(("text", UPPER), far, ("text", LOWER)) == alone(0, 1, 2)


@pytest.mark.parametrize(
    ("box", "merged"),
    [
        ((259, 0, 400, 100), True),
        ((260, 0, 400, 100), False),  # 0.3 of the wider one away
        ((200, 0, 400, 100), False),  # they touch
        ((210, 99, 400, 300), True),
        ((210, 100, 400, 300), False),  # wholly below
    ],
)
def test_blocks_side_by_side(box: tuple[int, int, int, int], *, merged: bool) -> None:
    assert groups(("text", UPPER), ("text", box)) == (
        [Group((0, 1), ("center",))] if merged else alone(0, 1)
    )


@pytest.mark.parametrize("labels", [("text", "abstract"), ("abstract", "abstract")])
def test_only_text_is_merged(labels: tuple[str, str]) -> None:
    beside = (210, 0, 400, 100)
    assert groups((labels[0], UPPER), (labels[1], beside)) == alone(0, 1)


def test_a_group_may_have_many_members() -> None:
    columns = [("text", (110 * i, 0, 110 * i + 100, 90)) for i in range(3)]
    assert groups(*columns) == [Group((0, 1, 2), ("center", "center"))]


SIDES = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6))


@given(st.lists(st.tuples(SIDES, st.sampled_from(("text", "text", "image", "header")))))
def test_every_block_is_in_one_group(
    blocks: list[tuple[tuple[int, int, int, int], str]],
) -> None:
    boxes = [(20 * x, 20 * y, 20 * (x + w), 20 * (y + h)) for (x, y, w, h), _ in blocks]
    found = merge_blocks(boxes, [label for _, label in blocks], APART)
    members = chain.from_iterable(one.members for one in found)
    assert sorted(members) == list(range(len(blocks)))
    assert all(len(one.aligns) == len(one.members) - 1 for one in found)
