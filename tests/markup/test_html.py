# SPDX-License-Identifier: Apache-2.0
"""Answers as HTML: what is shown how, and that nothing from a picture becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.markup.answers import result

from ppocrvl.markup.formula import MAX_CHARACTERS, bare, to_mathml
from ppocrvl.markup.html import result_html


def test_lines_have_their_confidence() -> None:
    html = result_html(result("a < b\nc", chances=[(6, 0.5), (7, 0.875)]))
    assert html == (
        '<div data-confidence="0.500">a &lt; b</div><div data-confidence="0.875">c</div>'
    )


def test_a_table() -> None:
    otsl = "<fcel>wide &<lcel><nl><fcel>tall\ncell<fcel>\\(x\\)<nl><ucel><ecel><nl>"
    html = result_html(result(otsl, "table"))
    assert html == (
        '<div data-confidence="0.900"><table>'
        '<tr><td colspan="2">wide &amp;</td></tr>'
        '<tr><td rowspan="2">tall<br>cell</td>'
        '<td><math xmlns="x"><mrow><mi>x</mi></mrow></math></td></tr>'
        "<tr><td></td></tr></table></div>"
    ).replace(' xmlns="x"', ' display="inline"')


def test_a_chart_has_a_head() -> None:
    html = result_html(result("year | n\n2024 | 3", "chart"))
    assert "<tr><th>year</th><th>n</th></tr><tr><td>2024</td><td>3</td></tr>" in html


def test_texts_with_places() -> None:
    corners = (10, 20, 90, 20, 90, 40, 10, 40)
    place = "".join(f"<|LOC_{number}|>" for number in corners)
    html = result_html(result(f"a < b{place}c{place}\nplaceless <|LOC_7|>", "spotting"))
    at = f'data-confidence="0.000" data-place="{" ".join(map(str, corners))}"'
    assert html == (
        f"<div {at}>a &lt; b</div><div {at}>c</div>"
        '<div data-confidence="0.000">placeless &lt;|LOC_7|&gt;</div>'
    )


@pytest.mark.parametrize("task", ["table", "chart"])
def test_what_is_no_table_is_lines(task: str) -> None:
    assert result_html(result("no\ntable", task)).count("<div") == 2


@pytest.mark.parametrize(
    "text", [r"\[ x^2 \]", r"\( x^2 \)", "$$x^2$$", "$x^2$", " x^2\n", r"\[x^2\]"]
)
def test_a_formula_with_and_without_brackets(text: str) -> None:
    assert bare(text) == "x^2"
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in result_html(result(text, "formula"))


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", '<mtd columnalign="right"><mi>a</mi>'),
        (r"\begin{gathered} a \\ b \end{gathered}", "<mtr><mtd><mi>b</mi></mtd></mtr>"),
        (r"a < b", "<mo>&lt;</mo>"),
        (r"\sum_{i=1}^{n} i", "<mo>∑</mo>"),
        (r"a \pm b", "<mo>±</mo>"),
        (r"\text{a \& b &lt;}", "a"),
    ],
)
def test_formulas(latex: str, expected: str) -> None:
    assert expected in (to_mathml(latex, block=True) or "")


@pytest.mark.parametrize(
    "latex",
    [
        "",
        r"\unknown{x}",
        r"a & b",
        "a_",
        r"\left( a",
        "{" * 1500,
        "{" * 1500 + "}" * 1500,
        r"\sqrt{" * 600 + "}" * 300,
        "x" * (MAX_CHARACTERS + 1),
    ],
)
def test_what_cannot_be_converted_is_none(latex: str) -> None:
    assert to_mathml(latex, block=True) is None


HARM = [r"\href{javascript:x}{y}", r"\style{color:red}{y}", r"\class{a}{y}", r"\color{red}y"]


@pytest.mark.parametrize("latex", HARM)
def test_attributes_that_may_do_something_are_left_out(latex: str) -> None:
    html = to_mathml(latex, block=False) or ""
    assert not any(name in html for name in ("href", "style=", "class", "javascript", "color"))


class Seen(HTMLParser):
    """Which tags and attributes a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


PARTS = [
    *("<script>", "</math>", "<img src=x onerror=y>", "&lt;b&gt;", "'", '"', "<!--", "<", ">", "&"),
    *(
        r"\text{",
        r"\mathrm{",
        r"\fbox{",
        r"\href{",
        r"\style{",
        "{",
        "}",
        r"\(",
        r"\)",
        r"\[",
        r"\]",
    ),
    *("<fcel>", "<nl>", "<ucel>", "|", "\n", "$", "a", "1", " ", r"\frac", "^", "_", r"\\"),
    *("<|LOC_1|>", "<|LOC_1|>" * 8, '<|LOC_"|>'),
]
TASKS = ["ocr", "table", "chart", "formula", "spotting", "seal"]


@given(st.lists(st.sampled_from(PARTS), max_size=30).map("".join), st.sampled_from(TASKS))
def test_nothing_from_a_picture_becomes_markup(text: str, task: str) -> None:
    seen = Seen(result_html(result(text, task)))
    ours = {"div", "table", "tr", "td", "th", "br", "pre", "code", "math", "none"}
    assert all(tag in ours or tag.startswith("m") for tag in seen.tags)
    assert not seen.attributes & {"src", "href", "style", "class", "onerror", "id"}
