# SPDX-License-Identifier: Apache-2.0
"""Single steps, where the comparison with PaddleX says too little."""

from __future__ import annotations

import numpy as np
import pytest

from ppocrvl.markup.dollars import with_dollars, without_brackets
from ppocrvl.markup.otsl import otsl_to_html
from ppocrvl.parsing.heading_levels import heading_levels
from ppocrvl.parsing.height_classes import height_classes
from ppocrvl.parsing.repetition import without_repetition
from ppocrvl.parsing.table_figures import figures_inside, paint_tokens, put_back


def test_dollar_signs_outside_formulas_stay() -> None:
    assert with_dollars(r"from $5 \(x\) to \$6") == r"from \$5  $ x $ to \$6"
    assert with_dollars("from $5 to $6") == "from $5 to $6"
    assert with_dollars(r"\[\[ $a$ \]\]") == " $$  a  $$ "


def test_numbers_of_formulas_have_no_brackets() -> None:
    assert without_brackets(r" \( (3.1) \) ") == "(3.1)"


@pytest.mark.parametrize(
    ("text", "label", "left"),
    [
        ("one two three " * 20, "text", "one two three"),
        ("ab" * 60, "text", "ab"),
        ("start of it: " + "again and again " * 12, "text", "start of it:"),
        ("\n".join(["line"] * 20), "text", "line"),
        ("ab" * 60, "table", "ab" * 60),
        ("ab" * 2600, "table", "ab"),
        ("ab" * 20, "text", "ab" * 20),
    ],
)
def test_loops_are_cut(text: str, label: str, left: str) -> None:
    assert without_repetition(text, label).strip() == left


def test_a_tag_that_goes_on_nothing_is_an_empty_cell() -> None:
    html = otsl_to_html("<lcel><fcel>a<nl><fcel>b<fcel>c<nl>")
    assert html == "<table><tr><td></td><td>a</td></tr><tr><td>b</td><td>c</td></tr></table>"


def test_a_span_ends_before_the_next_cell() -> None:
    html = otsl_to_html("<fcel>a<lcel><nl><ucel><fcel>b<nl>")
    assert html == '<table><tr><td colspan="2">a</td></tr><tr><td></td><td>b</td></tr></table>'


def test_heights_are_divided_where_the_gaps_are() -> None:
    assert height_classes([10, 11, 30, 31, 31, 50], 3) == {10: 3, 11: 3, 30: 2, 31: 2, 50: 1}
    assert height_classes([10, 20], 4) == {10: 2, 20: 1}
    assert height_classes([], 4) == {}


def test_headings_without_numbers_go_by_words_and_size() -> None:
    headings = [("Some words", 40), ("References", 20), ("Others", 20)]
    assert heading_levels(headings) == [1, 1, 2]


def test_figures_inside_a_table() -> None:
    assert figures_inside((0, 0, 100, 100), [(0, 0, 100, 100), (5, 5, 101, 9)]) == [0]


def test_tokens_are_painted_black_on_white() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    painted = paint_tokens(picture, [(10, 10, 60, 60)], ["[F23]"])
    inside = painted[11:59, 11:59]
    assert (inside == 255).mean() > 0.4
    assert (inside < 64).any()
    assert (painted[:9] == 128).all()
    assert (picture == 128).all()


def test_unknown_tokens_stay() -> None:
    html = put_back("<td>[F2] [F3]</td>", {"[F2]": "a&b.jpg"})
    assert html == '<td><img src="a&amp;b.jpg" alt="figure"> [F3]</td>'
