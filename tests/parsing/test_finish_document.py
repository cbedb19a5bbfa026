# SPDX-License-Identifier: Apache-2.0
"""What only a whole document tells: order, levels, tables and paragraphs that go on."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.parsing.made import block

from ppocrvl.document.types import Block, BlockLine, PageData
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.page_tables import join_tables
from ppocrvl.parsing.paragraphs import in_sentence, with_joins

UPPER = "<table><tr><td>Name</td><td>n</td></tr><tr><td>a</td><td>1</td></tr></table>"
LOWER = "<table><tr><td>Name</td><td>n</td></tr><tr><td>b</td><td>2</td></tr></table>"
WHOLE = (
    "<table><tr><td>Name</td><td>n</td></tr><tr><td>a</td><td>1</td></tr>"
    "<tr><td>b</td><td>2</td></tr></table>"
)


def document(*pages: list[Block], indexes: tuple[int, ...] = (0, 1, 2)) -> list[PageData]:
    return [
        PageData(index, 600, 800, 144, blocks=tuple(blocks))
        for index, blocks in zip(indexes, pages, strict=False)
    ]


def test_blocks_of_the_running_text_are_numbered_on_each_page() -> None:
    labels = ["header", "doc_title", "text", "image", "figure_title", "table", "text", "seal"]
    first, second = finish_document(document([block(one) for one in labels], [block("text")]))
    assert [one.order for one in first.blocks] == [None, 1, 2, None, None, None, 3, 4]
    assert [one.order for one in second.blocks] == [1]


def test_levels_go_over_all_pages() -> None:
    pages = document(
        [block("doc_title", text="T"), block("paragraph_title", (0, 0, 90, 30), "1 One")],
        [block("paragraph_title", (0, 0, 90, 20), "1.1 Two"), block("text", text="x")],
    )
    levels = [one.level for page in finish_document(pages) for one in page.blocks]
    assert levels == [0, 1, 2, None]


def test_a_table_goes_on_at_the_top_of_the_next_page() -> None:
    pages = document(
        [block("text"), block("table", text=UPPER), block("number")],
        [block("header"), block("table", text=LOWER)],
    )
    first, second = finish_document(pages)
    assert first.blocks[1].html == first.blocks[1].text == WHOLE
    below = second.blocks[1]
    assert (below.text, below.html, below.joins_previous) == ("", None, True)


@pytest.mark.parametrize(
    "pages",
    [
        document([block("table", text=UPPER)], [block("table", text=LOWER)], indexes=(0, 2)),
        document([block("table", text=UPPER), block("text")], [block("table", text=LOWER)]),
        document([block("table", text=UPPER)], [block("text"), block("table", text=LOWER)]),
        document(
            [block("table", (0, 0, 100, 20), UPPER)], [block("table", (0, 0, 120, 20), LOWER)]
        ),
        document([block("table", (50, 0, 50, 20), UPPER)], [block("table", text=LOWER)]),
    ],
    ids=["a page is missing", "text below", "text above", "of another width", "of no width"],
)
def test_a_table_does_not_go_on(pages: list[PageData]) -> None:
    assert [one.text for page in finish_document(pages) for one in page.blocks if one.html] == [
        UPPER,
        LOWER,
    ]


@pytest.mark.parametrize(("n_head", "n_kept"), [(5, 0), (6, 1), (7, 2)])
def test_of_a_repeated_head_five_rows_are_left_out(n_head: int, n_kept: int) -> None:
    head = "".join(f"<tr><td>head {n}</td></tr>" for n in range(n_head))
    parts = [f"<table>{head}<tr><td>{cell}</td></tr></table>" for cell in "ab"]
    whole = join_tables(*parts)
    assert whole is not None
    assert whole.count("head") == n_head + n_kept
    assert whole.endswith("<tr><td>b</td></tr></table>")


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ("<table></table>", LOWER),
        (UPPER, "<table></table>"),
        # All of the lower one is head, and its width is another.
        (
            "<table><tr><td>a</td></tr><tr><td>b</td><td>c</td></tr></table>",
            "<table><tr><td>a</td></tr></table>",
        ),
    ],
)
def test_a_table_without_new_rows_does_not_go_on(upper: str, lower: str) -> None:
    assert join_tables(upper, lower) is None


def test_a_table_that_was_not_read_goes_on_nowhere() -> None:
    for upper, lower in (("", LOWER), (UPPER, "")):
        pages = document([block("table", text=upper)], [block("table", text=lower)])
        assert finish_document(pages) == [
            replace(page, blocks=(replace(page.blocks[0], order=None),)) for page in pages
        ]


def test_nothing_is_joined_to_a_page_that_failed() -> None:
    """Nor from it, though it may have blocks that were read before it did."""
    pages = document([block("text", text="it goes")], [block("text", text="on here")])
    for broken in (0, 1):
        failed = list(pages)
        failed[broken] = replace(failed[broken], error="cut short")
        assert not finish_document(failed)[1].blocks[0].joins_previous
    assert finish_document(pages)[1].blocks[0].joins_previous


def test_nothing_is_joined_over_a_page_that_failed() -> None:
    pages = document([block("text", text="it goes")], [], [block("text", text="on here")])
    pages[1] = replace(pages[1], error="damaged")
    assert not finish_document(pages)[2].blocks[0].joins_previous


def test_a_document_may_have_no_pages_and_no_blocks() -> None:
    assert finish_document([]) == []
    assert finish_document(document([])) == document([])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("it goes", "on here"),
        ("a hyphen-", "ated word"),
        ("many, many,", "Many words"),
        ("the so-called «term»", "is new"),
        ("本文提出了一种", "新的方法"),
        ("he said", "“and so on”"),
    ],
)
def test_a_sentence_goes_on(before: str, after: str) -> None:
    assert in_sentence(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("it ends.", "and so on"),
        ("it ends.”", "and so on"),
        ("as follows:", "one"),
        ("it goes", "Another begins"),
        ("it goes", "1. an item"),
        ("many, many,", "\N{EM DASH} a dash"),
        ("结束。", "新的方法"),
        ("", "on"),
        ("it goes", ""),
    ],
)
def test_a_sentence_does_not_go_on(before: str, after: str) -> None:
    assert not in_sentence(before, after)


LEFT, RIGHT, BELOW = (0, 100, 90, 700), (110, 100, 200, 300), (0, 720, 90, 780)


def joins(*blocks: Block) -> list[bool]:
    return [one.joins_previous for one in with_joins([blocks])[0]]


def text(box: tuple[int, int, int, int], words: str, **values: object) -> Block:
    return block("text", box, words, **values)


def test_a_paragraph_goes_on_in_the_next_column() -> None:
    assert joins(text(LEFT, "it goes"), text(RIGHT, "on here")) == [False, True]


def test_a_paragraph_does_not_go_on_in_the_same_column() -> None:
    assert joins(text(LEFT, "it goes"), text(BELOW, "on here")) == [False, False]


def test_a_paragraph_goes_on_under_a_figure() -> None:
    figure = block("image", (0, 702, 90, 718))
    assert joins(text(LEFT, "it goes"), figure, text(BELOW, "on here")) == [False, False, True]


@pytest.mark.parametrize("label", ["paragraph_title", "display_formula", "algorithm"])
def test_a_paragraph_does_not_go_on_past_other_text(label: str) -> None:
    between = block(label, (110, 50, 200, 90), "x")
    assert not any(joins(text(LEFT, "it goes"), between, text(RIGHT, "on here")))


def test_a_block_that_failed_joins_nothing() -> None:
    failed = text(LEFT, "it goes", error="a strip failed")
    assert not any(joins(failed, text(RIGHT, "on here")))
    failed = text(RIGHT, "on here", error="a strip failed")
    assert not any(joins(text(LEFT, "it goes"), failed))


def test_a_paragraph_goes_on_on_the_next_page_wherever_it_stands_there() -> None:
    low = text((0, 900, 90, 990), "on here")
    assert joins(text(LEFT, "it goes"), low) == [False, False]
    assert with_joins([[text(LEFT, "it goes")], [low]])[1][0].joins_previous


def test_a_paragraph_goes_around_a_seal() -> None:
    seal = block("seal", (0, 702, 90, 718), "Seal of the office")
    assert joins(text(LEFT, "it goes"), seal, text(BELOW, "on here")) == [False, False, True]


def test_a_group_goes_on_where_its_last_block_ends() -> None:
    group = [text(LEFT, "it goes", group=0), text(RIGHT, "", group=0)]
    below_all = text((110, 320, 200, 400), "on here")
    assert joins(*group, below_all) == [False, False, False]
    other_page = with_joins([group, [text(LEFT, "on here")]])
    assert other_page[1][0].joins_previous


def lines(*boxes: tuple[int, int, int, int]) -> tuple[BlockLine, ...]:
    return tuple(BlockLine("x", 1, 1, box) for box in boxes)


def test_a_short_last_line_ends_a_paragraph() -> None:
    full = text(LEFT, "it goes", lines=lines((0, 100, 90, 110), (0, 690, 88, 700)))
    short = text(LEFT, "it goes", lines=lines((0, 100, 90, 110), (0, 690, 60, 700)))
    assert joins(full, text(RIGHT, "on here")) == [False, True]
    assert joins(short, text(RIGHT, "on here")) == [False, False]


def test_the_last_line_of_a_group_says_nothing() -> None:
    """Its lines are those of all its blocks, one of which is elsewhere."""
    short = lines((0, 100, 90, 110), (0, 690, 60, 700))
    group = [text(LEFT, "it goes", group=0, lines=short), text(BELOW, "", group=0)]
    assert joins(*group, text(RIGHT, "on here")) == [False, False, True]


def test_a_single_line_is_not_indented() -> None:
    one = text(RIGHT, "on here", lines=lines((125, 100, 200, 110)))
    assert joins(text(LEFT, "it goes"), one) == [False, True]


def test_an_indented_first_line_begins_a_paragraph() -> None:
    indented = lines((125, 100, 200, 110), (110, 115, 200, 125))
    assert not any(joins(text(LEFT, "it goes"), text(RIGHT, "on here", lines=indented)))


@pytest.mark.parametrize("seed", range(4))
def test_pages_that_were_finished_alone_come_to_the_same(seed: int) -> None:
    """A client gets such pages from a server, and puts them together."""
    random_ = random.Random(seed)
    texts = ("and so", "it goes on,", "An end.", "The next", "1.1 Title", "II. Title", "")
    labels = ("text", "text", "text", "paragraph_title", "doc_title", "image", "number", "table")

    def made() -> Block:
        label = random_.choice(labels)
        text = random_.choice((UPPER, LOWER) if label == "table" else texts)
        x, y = random_.choice((0, 300)), random_.choice((0, 100, 500))
        size = random_.choice((12, 20))
        group = random_.choice((None, None, 1))
        return block(label, (x, y, x + random_.choice((250, 255)), y + size), text, group=group)

    for _ in range(100):
        pages = [[made() for _ in range(random_.randrange(6))] for _ in range(4)]
        whole = document(*pages, indexes=(0, 1, 3, 4))
        alone = [finished for page in whole for finished in finish_document([page])]
        assert finish_document(alone) == finish_document(whole)


def test_tables_and_levels_can_be_left_alone() -> None:
    pages = document(
        [block("paragraph_title", text="1 One"), block("table", text=UPPER)],
        [block("table", text=LOWER)],
    )
    upper, lower = finish_document(pages, tables=False, levels=False)
    assert [one.level for one in upper.blocks] == [None, None]
    assert [one.text for one in (*upper.blocks[1:], *lower.blocks)] == [UPPER, LOWER]
    assert finish_document(pages, levels=False)[0].blocks[1].text == WHOLE
