# SPDX-License-Identifier: Apache-2.0
"""What the text layer of a page says of its blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parsing.made import region
from tests.parsing.test_text_layer import Letter, letters

from ppocrvl.parsing.drafts import LayerText, with_drafts
from ppocrvl.parsing.plan import PlannedBlock
from ppocrvl.requests.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Box


def planned(
    box: Box, task: str | None, heights: Sequence[int] = (1,), *, index: int = 0
) -> PlannedBlock:
    """A block of a page, in strips of these heights."""
    points = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    requests = tuple(
        Request(np.zeros((height, 8, 3), np.uint8), task=task) for height in heights if task
    )
    return PlannedBlock(index, region("text", box), points, task, requests)


def drafts(blocks: Sequence[PlannedBlock], characters: Sequence[Letter]) -> list[Any]:
    made = with_drafts(blocks, characters)
    assert [len(one.requests) for one in made] == [len(one.requests) for one in blocks]
    return [request.draft for block in made for request in block.requests]


def test_text_comes_line_by_line() -> None:
    layer = LayerText([*letters("elsewhere", y=300), *letters("two  words\nnext")])
    assert layer.text((0, 0, 200, 100)) == "two words\nnext"
    assert layer.text((0, 300, 200, 400)) == "elsewhere"
    assert layer.text((0, 500, 200, 600)) == ""
    assert layer.text((0, 0, 30, 100)) == "two\nnex"  # what lies outside is left out


def test_what_cannot_be_trusted_is_a_draft_all_the_same() -> None:
    layer = LayerText([*letters("∑ x\x02"), Letter("\ud800", (80, 10, 87, 20), mapped=False)])
    assert layer.text((0, 0, 200, 100)) == "∑ x\x02"
    assert LayerText(letters("e\ufb00ect")).text((0, 0, 200, 100)) == "effect"


def test_a_page_without_a_layer() -> None:
    layer = LayerText([])
    assert layer.text((0, 0, 9, 9)) == layer.table((0, 0, 9, 9)) == ""
    assert LayerText(letters(" \n ")).table((0, 0, 200, 100)) == ""


def test_tables_have_cells_where_there_is_space() -> None:
    rows = letters("Name    Price", y=10)
    rows += letters("Bread     4.5", y=30)
    rows += letters("a b       2.0", y=50)
    rows += letters("          9.0", y=70)
    table = LayerText(rows).table((0, 0, 300, 100))
    assert table == (
        "<fcel>Name<fcel>Price<nl><fcel>Bread<fcel>4.5<nl><fcel>a b<fcel>2.0<nl><ecel><fcel>9.0<nl>"
    )


def test_a_table_whose_letters_come_in_any_order() -> None:
    rows = [*letters("Name    Price", y=10), *letters("Bread     4.5", y=30)]
    expected = LayerText(rows).table((0, 0, 300, 100))
    assert expected.count("<nl>") == 2
    assert LayerText(rows[::-1]).table((0, 0, 300, 100)) == expected


def test_each_task_gets_what_it_can_use() -> None:
    characters = [*letters("above", y=10), *letters("below", y=40)]
    whole = (0, 0, 100, 60)
    assert drafts([planned(whole, "ocr")], characters) == ["auto"]  # one row of pixels
    assert drafts([planned(whole, "ocr", (60,))], characters) == ["above\nbelow"]
    assert drafts([planned(whole, "ocr", (30, 30))], characters) == ["above", "below"]
    assert drafts([planned(whole, "table")], characters) == ["<fcel>above<nl><fcel>below<nl>"]
    assert drafts([planned(whole, "formula")], characters) == ["auto"]
    assert drafts([planned(whole, None)], characters) == []
    assert drafts([planned(whole, "ocr", (60,))], []) == ["auto"]


def test_blocks_that_are_read_as_one_have_all_of_it() -> None:
    characters = [*letters("above", y=10), *letters("between", y=40), *letters("below", y=70)]
    first, rest = planned((0, 0, 100, 30), "ocr"), planned((0, 60, 100, 90), None, index=1)
    blocks = [
        replace(first, group=3),
        planned((0, 30, 100, 60), "ocr", (30,)),
        replace(rest, group=3),
    ]
    assert drafts(blocks, characters) == ["above\nbelow", "between"]


@given(
    st.lists(
        st.builds(
            Letter,
            st.text(min_size=1, max_size=2),
            st.tuples(*[st.floats(-10, 300, width=32)] * 4),
        ),
        max_size=30,
    ),
    st.tuples(*[st.integers(0, 200)] * 4),
)
def test_any_layer_gives_some_text(characters: list[Letter], box: Box) -> None:
    for task in ("ocr", "table"):
        (draft,) = drafts([planned(box, task, (60,))], characters)
        assert draft
        assert draft.encode()


@pytest.mark.parametrize("task", ["ocr", "table"])
def test_long_ones_are_cut(task: str) -> None:
    many = [Letter("x", (5, 5, 12, 15))] * 70_000
    (draft,) = drafts([planned((0, 0, 100, 60), task, (60,))], many)
    assert len(draft) == 1 << 16


def test_what_has_more_cells_than_a_table_is_none() -> None:
    """A row and a column of letters: so many rows of so many cells."""
    across = [Letter("x", (30 * i, 0, 30 * i + 7, 10)) for i in range(2_000)]
    down = [Letter("x", (0, 30 * i, 7, 30 * i + 10)) for i in range(1, 2_000)]
    (draft,) = drafts([planned((0, 0, 60_000, 60_000), "table", (60,))], [*across, *down])
    assert draft == "auto"
    (draft,) = drafts([planned((0, 0, 600, 600), "table", (60,))], [*across, *down])
    assert draft.count("<nl>") == 20
