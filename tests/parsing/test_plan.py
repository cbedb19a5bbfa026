# SPDX-License-Identifier: Apache-2.0
"""From a page and its regions to requests, and from answers to blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.parsing.made import region, result

from ppocrvl.errors import ImageTooThinError
from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.finish import finish_block
from ppocrvl.parsing.plan import PlannedBlock, plan_page
from ppocrvl.parsing.table_figures import LEAST_SIDE, figure_tokens
from ppocrvl.requests.results import Attempt

if TYPE_CHECKING:
    from ppocrvl.document.types import Block
    from ppocrvl.requests.results import Outcome

WHITE = np.full((400, 300, 3), 255, np.uint8)


def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (400, 300, 3), np.uint8)


def plan(*regions: tuple[str, tuple[int, int, int, int]], **options: Any) -> list[PlannedBlock]:
    found = [region(label, box, order=i) for i, (label, box) in enumerate(regions)]
    return plan_page(noise(), found, BlockOptions(**options), page=2, dpi=144)


def image_of(block: PlannedBlock, strip: int = 0) -> np.ndarray:
    image = block.requests[strip].image
    assert isinstance(image, np.ndarray)
    return image


@pytest.mark.parametrize(
    ("label", "switches", "task"),
    [
        ("text", {}, "ocr"),
        ("doc_title", {}, "ocr"),
        ("formula_number", {}, "ocr"),
        ("table", {}, "table"),
        ("display_formula", {}, "formula"),
        ("inline_formula", {}, "formula"),
        ("spotting", {}, "spotting"),
        ("chart", {}, None),
        ("chart", {"charts": True}, "chart"),
        ("seal", {}, None),
        ("seal", {"seals": True}, "seal"),
        ("image", {}, None),
        ("footer_image", {}, None),
        ("header_image", {"images": True}, "ocr"),
    ],
)
def test_the_label_and_the_switches_decide_the_task(
    label: str, switches: dict[str, bool], task: str | None
) -> None:
    (block,) = plan((label, (10, 20, 110, 80)), **switches)
    assert [one.task for one in block.requests] == ([task] if task else [])
    kept = label.endswith("image") or label == "seal" or (label == "chart" and task is None)
    assert len(block.pictures) == kept


@pytest.mark.parametrize("label", ["formula", "display_formula", "table", "chart", "seal"])
def test_of_what_the_model_was_not_trained_for_the_picture_is_kept(label: str) -> None:
    switches = {"charts": True, "seals": True}
    (block,) = plan((label, (10, 20, 110, 80)), tasks=frozenset({"ocr"}), **switches)
    assert (block.requests, block.task) == ((), None)
    assert [one.name for one in block.pictures] == [f"page-3-{label}-1.jpg"]


def test_a_block_is_cut_out_of_its_page() -> None:
    (block,) = plan(("text", (10, 20, 110, 80)))
    assert np.array_equal(image_of(block), noise()[20:80, 10:110])
    assert block.box_points == (5.0, 10.0, 55.0, 40.0)
    assert block.region.box == (10, 20, 110, 80)


def test_what_lies_outside_the_page_is_cut_off() -> None:
    inside, outside = plan(("text", (-5, 380, 50, 450)), ("text", (400, 0, 500, 50)))
    assert inside.region.box == (0, 380, 50, 400)
    assert outside.requests == ()
    assert finish_block(outside).error == "the region holds no pixels of the page"
    assert finish_block(outside).finish_reason == "error"


def test_a_figure_outside_the_page_has_no_picture() -> None:
    (figure,) = plan(("image", (400, 0, 500, 50)))
    assert figure.pictures == ()
    (table,) = plan(("table", (0, 0, 200, 200)), ("image", (50, 50, 50, 90)))
    assert (table.pictures, len(table.requests)) == ((), 1)


def test_without_a_resolution_a_pixel_is_a_point() -> None:
    (block,) = plan_page(noise(), [region("text", (10, 20, 110, 80))], BlockOptions())
    assert block.box_points == (10, 20, 110, 80)


def test_options_of_requests_reach_all_of_them() -> None:
    found = plan(("text", (0, 0, 90, 30)), ("table", (0, 40, 90, 90)), request={"max_tokens": 7})
    assert [(one.requests[0].task, one.requests[0].max_tokens) for one in found] == [
        ("ocr", 7),
        ("table", 7),
    ]


def test_figures_are_named_by_page_label_and_number() -> None:
    blocks = plan(("image", (0, 0, 50, 50)), ("text", (0, 60, 90, 90)), ("seal", (0, 99, 40, 140)))
    names = [[picture.name for picture in block.pictures] for block in blocks]
    assert names == [["page-3-image-1.jpg"], [], ["page-3-seal-2.jpg"]]
    assert blocks[0].pictures[0].width == 50


def test_blocks_that_are_read_as_one_share_a_picture_and_a_number() -> None:
    blocks = plan(
        ("text", (0, 0, 100, 50)),
        ("text", (110, 0, 210, 50)),
        ("text", (0, 300, 100, 350)),
    )
    assert [block.group for block in blocks] == [0, 0, None]
    assert [len(block.requests) for block in blocks] == [1, 0, 1]
    assert image_of(blocks[0]).shape == (100, 100, 3)
    assert all(
        len(block.requests) == 1
        for block in plan(("text", (0, 0, 100, 50)), ("text", (110, 0, 210, 50)), merge=False)
    )


def test_a_block_of_many_lines_is_read_in_strips() -> None:
    lines = [(0, 10 * i, 90, 10 * i + 8) for i in range(5)]
    (block,) = plan(("text", (100, 50, 190, 100)), max_lines=2, find_lines=lambda _: lines)
    assert [image_of(block, i).shape[0] for i in range(3)] == [9, 20, 21]
    assert block.line_boxes[1] == (100, 60, 190, 68)
    read = finish_block(block, [result("a"), result("b\nc"), result("d\ne")])
    assert read.text == "a\nb\nc\nd\ne"
    assert [line.box for line in read.lines] == list(block.line_boxes)


def test_lines_of_blocks_that_are_read_as_one_have_their_places() -> None:
    """The second is stacked under the first, in the middle."""
    lines = [(0, 2, 120, 10), (50, 42, 200, 49)]
    first, second = plan(
        ("text", (0, 0, 120, 40)),
        ("text", (130, 20, 150, 70)),
        max_lines=9,
        find_lines=lambda _: lines,
    )
    assert image_of(first).shape == (90, 120, 3)
    # 50 pixels to the right of its left edge; and no further than the page reaches.
    assert first.line_boxes == ((0, 2, 120, 10), (130, 22, 280, 29))
    assert second.line_boxes == ()
    (wide,) = plan(("text", (200, 0, 290, 40)), find_lines=lambda _: [(0, 0, 120, 9)])
    assert wide.line_boxes == ((200, 0, 300, 9),)


def test_a_figure_in_a_table_becomes_a_token_and_a_picture() -> None:
    table, text = plan(
        ("image", (20, 20, 80, 80)),
        ("table", (0, 0, 200, 200)),
        ("text", (0, 300, 100, 350)),
    )
    assert (table.region.label, text.region.label) == ("table", "text")
    assert list(table.tokens) == ["[F2]"]
    name = table.tokens["[F2]"]
    assert table.pictures[0].name == name
    assert image_of(table)[25, 25].tolist() == [255, 255, 255]
    block = finish_block(table, [result("<fcel>a<fcel>[F2]<nl>")])
    assert (
        block.html == f'<table><tr><td>a</td><td><img src="{name}" alt="figure"></td></tr></table>'
    )
    assert block.text == block.html


def test_each_figure_of_a_page_has_a_token_of_its_own() -> None:
    """Also those that are in no table take one, as in PaddleX; each is painted in its place."""
    outside, table = plan(
        ("image", (210, 0, 290, 80)),
        ("table", (10, 100, 200, 300)),
        ("seal", (30, 120, 90, 180)),
    )
    assert outside.region.label == "image"
    assert list(table.tokens) == [figure_tokens(2)[1]]
    painted = image_of(table)
    assert painted[22, 22].tolist() == [255, 255, 255]
    assert np.array_equal(painted[90:], noise()[190:300, 10:200])


@pytest.mark.parametrize(("side", "n_tokens"), [(LEAST_SIDE, 1), (LEAST_SIDE - 1, 0)])
def test_how_small_a_figure_may_be_for_a_token(side: int, n_tokens: int) -> None:
    (table,) = plan(("table", (0, 0, 200, 200)), ("image", (20, 20, 100, 20 + side)))
    assert len(table.tokens) == n_tokens


def test_a_figure_too_small_for_a_token_is_kept_with_its_table() -> None:
    (table,) = plan(("table", (0, 0, 200, 200)), ("image", (20, 20, 40, 40)))
    assert table.tokens == {}
    assert len(table.pictures) == 1
    assert np.array_equal(image_of(table), noise()[:200, :200])


def finish(label: str, *outcomes: Outcome, **options: Any) -> Block:
    (block,) = plan((label, (0, 0, 100, 100)), **options)
    return finish_block(block, outcomes)


def test_formulas_come_without_brackets() -> None:
    block = finish("display_formula", result(r"\[ x^2 \]"))
    assert (block.text, block.latex) == ("x^2", "x^2")


def test_formulas_are_shown_without_margin() -> None:
    page = np.full((100, 200, 3), 255, np.uint8)
    page[40:60, 50:90] = 0
    boxes = region("display_formula", (10, 10, 190, 90)), region("text", (10, 10, 190, 90))
    formula, same = plan_page(page, boxes, BlockOptions(merge=False))
    assert image_of(formula).shape == (20, 40, 3)
    assert image_of(same).shape == (80, 180, 3)


def test_a_number_of_a_formula_comes_without_brackets() -> None:
    assert finish("formula_number", result(r"\( (3) \)")).text == "(3)"


def test_dollar_signs_stay() -> None:
    assert finish("text", result(r"for $5 \( x \)")).text == r"for $5 \( x \)"


def test_charts_become_tables() -> None:
    block = finish("chart", result("year | n\n1 | 2"), charts=True)
    assert block.text == "year | n\n1 | 2"
    assert block.html is not None
    assert "<th>year</th><th>n</th>" in block.html


def test_a_table_that_is_none_stays_text() -> None:
    block = finish("table", result("no table"))
    assert (block.text, block.html) == ("no table", None)


def test_spotted_texts_are_lines_with_places() -> None:
    corners = "".join(f"<|LOC_{n}|>" for n in (100, 200, 500, 200, 500, 300, 100, 300))
    (planned,) = plan(("spotting", (20, 40, 120, 140)))
    block = finish_block(planned, [result(f"word{corners}and{corners}")])
    assert block.text == "word\n\nand"
    places = [(line.text, line.box) for line in block.lines]
    assert places == [("word", (30, 60, 70, 70)), ("and", (30, 60, 70, 70))]


def test_confidence_and_ends_go_over_all_strips() -> None:
    lines = [(0, 10 * i, 90, 10 * i + 8) for i in range(4)]
    block = finish(
        "text",
        result("a", [0.5, 0.7]),
        result("b", [0.9], finish_reason="length"),
        max_lines=2,
        find_lines=lambda _: lines,
    )
    assert block.confidence == pytest.approx(0.7)
    assert block.min_confidence == pytest.approx(0.5)
    assert block.finish_reason == "length"
    assert (block.source, block.attempts, block.error) == ("model", 1, None)


def test_a_strip_that_fails_leaves_the_others() -> None:
    lines = [(0, 10 * i, 90, 10 * i + 8) for i in range(4)]
    block = finish(
        "text",
        ImageTooThinError("too thin;\ncut it"),
        result("b"),
        max_lines=2,
        find_lines=lambda _: lines,
    )
    assert (block.text, block.error, block.finish_reason) == ("b", "too thin; cut it", "error")


def four_lines(_: object) -> list[tuple[int, int, int, int]]:
    return [(0, 10 * i, 90, 10 * i + 8) for i in range(4)]


def test_the_first_failure_is_the_reason() -> None:
    errors = ImageTooThinError("first"), ImageTooThinError("second")
    block = finish("text", *errors, max_lines=2, find_lines=four_lines)
    assert block.error == "first"


def test_the_strip_that_was_read_most_often_counts() -> None:
    attempts = tuple(Attempt("first", "x", "stop", 0.5, (28, 28)) for _ in range(3))
    first = replace(result("a", [0.9]), attempts=attempts)
    block = finish("text", first, result("b", [0.4]), max_lines=2, find_lines=four_lines)
    assert block.attempts == 3
    assert block.min_confidence == pytest.approx(0.4)


def test_lines_without_places_keep_their_texts() -> None:
    """More were found than read, or fewer."""
    for answer in ("a", "a\nb\nc\nd\ne"):
        block = finish("text", result(answer), find_lines=four_lines)
        assert [line.box for line in block.lines] == [None] * len(answer.split())
    block = finish("text", result("a\nb\n\nc\nd"), find_lines=four_lines)
    assert [line.box is None for line in block.lines] == [False, False, True, False, False]


def test_white_space_around_an_answer_is_none_of_it() -> None:
    assert finish("text", result(" a\nb \n")).text == "a\nb"


def test_loops_are_cut_out_of_answers() -> None:
    assert finish("text", result("ab" * 60)).text == "ab"


def test_a_block_that_fails_says_why() -> None:
    block = finish("text", ImageTooThinError("too thin"))
    assert (block.text, block.error, block.source) == ("", "too thin", "none")
    assert (block.finish_reason, block.attempts) == ("error", 1)


def test_there_must_be_an_outcome_for_each_request() -> None:
    with pytest.raises(ValueError, match="0 outcomes of 1 requests"):
        finish("text")
