# SPDX-License-Identifier: Apache-2.0
"""Markdown, as a renderer of CommonMark with GitHub's tables sees it."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.document.made import block, document, page, picture, table, two_pages

from ppocrvl.document.document import Document
from ppocrvl.errors import OptionError

HERE = Path(__file__).parent
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(*blocks: object, **options: object) -> str:
    return str(RENDERER.render(document(*blocks).to_markdown(**options)))  # type: ignore[arg-type]


def shown(markdown: str) -> str:
    """What a reader sees: the text between the tags."""
    return unescape(re.sub("<!--.*?-->|<[^>]*>", "", str(RENDERER.render(markdown))))


@pytest.mark.parametrize("style", ["commonmark", "official"])
def test_golden_document(style: str) -> None:
    golden = (HERE / f"golden-{style}.md").read_text(encoding="utf-8")
    assert two_pages().to_markdown(figures="files", style=style) == golden  # type: ignore[arg-type]


def test_headings_by_level() -> None:
    levels = [(None, 2), (1, 2), (2, 3), (4, 5), (9, 6)]
    for level, tag in levels:
        html = rendered(block(0, "paragraph_title", "A #1 *x*\ny #", level=level))
        assert html == f"<h{tag}>A #1 *x* y #</h{tag}>\n"
    assert rendered(block(0, "doc_title", "A")) == "<h1>A</h1>\n"


def test_lists() -> None:
    html = rendered(block(0, "text", "• one\n• two\nand more\n• three"))
    assert html == "<ul>\n<li>one</li>\n<li>two\nand more</li>\n<li>three</li>\n</ul>\n"
    html = rendered(block(0, "text", "3) one\n4) two"))
    assert html == '<ol start="3">\n<li>one</li>\n<li>two</li>\n</ol>\n'


def test_numbers_that_do_not_count_up_are_text() -> None:
    text = "3. one\n5. two"
    assert rendered(block(0, "text", text)) == f"<p>{text}</p>\n"
    assert rendered(block(0, "text", "It was\n1. May")) == "<p>It was\n1. May</p>\n"


def test_table_without_spans_is_made_of_pipes() -> None:
    html = (
        "<table><tr><td>a|b</td><td>\\(x|y\\)</td></tr><tr><td>*c*<br>d</td><td></td></tr></table>"
    )
    markdown = document(table(0, html)).to_markdown()
    assert markdown == "| a\\|b | $x\\|y$ |\n| --- | --- |\n| \\*c\\*<br>d |  |\n"
    assert "<td>*c*<br>d</td>" in str(RENDERER.render(markdown))


def test_table_with_spans_is_html() -> None:
    html = '<table><tr><td rowspan="2">a&lt;b</td><td>c</td></tr><tr><td>d<br>e</td></tr></table>'
    assert document(table(0, html)).to_markdown() == f"{html}\n"


def test_formulas() -> None:
    assert document(block(0, "text", "a \\(x_1\\) b \\[y\\] $5")).to_markdown() == (
        "a $x_1$ b $$y$$ \\$5\n"
    )
    number = block(1, "formula_number", "（3）")  # noqa: RUF001
    formula = block(0, "display_formula", "x\n= 1 % one\n+ 2", latex="x\n= 1 % one\n+ 2")
    assert document(formula, number).to_markdown() == "$$x = 1 + 2 \\tag{3}$$\n"
    assert document(number).to_markdown() == "（3）\n"  # noqa: RUF001


def test_figures() -> None:
    figure = block(0, "image", pictures=(picture("page 1.jpg"),))
    one = document(figure, block(1, "text", "x"))
    assert one.to_markdown(figures="files") == "![](paper_images/page%201.jpg)\n\nx\n"
    assert one.to_markdown() == "x\n"
    assert one.to_markdown(figures="embedded").startswith("![](data:image/jpeg;base64,/9j/")
    cell = table(
        0,
        '<table><tr><td><img src="a.jpg" alt="figure">x</td></tr></table>',
        pictures=(picture("a.jpg"),),
    )
    assert "| ![](paper_images/a.jpg)x |" in document(cell).to_markdown(figures="files")
    assert "| x |" in document(cell).to_markdown()


def test_unknown_options() -> None:
    with pytest.raises(
        OptionError, match="figures must be one of files, embedded, none, not 'all'"
    ):
        document().to_markdown(figures="all")  # type: ignore[arg-type]


def test_code_is_fenced() -> None:
    html = rendered(block(0, "algorithm", "x = `a`\n```\n# y"))
    assert html == "<pre><code>x = `a`\n```\n# y\n</code></pre>\n"


def test_footnotes_stand_at_the_end_of_their_page() -> None:
    blocks = (block(0, "text", "a"), block(1, "footnote", "1 n"), block(2, "text", "b", order=2))
    markdown = Document.of(
        "a", 2, [page(*blocks), page(block(0, "text", "c"), index=1)]
    ).to_markdown()
    assert markdown == "a\n\nb\n\n1 n\n\n<!-- page 2 -->\n\nc\n"


def test_paragraphs_go_on_over_pages() -> None:
    first = page(block(0, "text", "A para-", order=1), block(1, "image"), block(2, "footnote", "n"))
    second = page(block(0, "text", "graph.", order=1, joins_previous=True), index=1)
    assert Document.of("a", 2, [first, second]).to_markdown() == (
        "A paragraph.\n\nn\n\n<!-- page 2 -->\n"
    )


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("A word", "more", "A word\nmore"),
        ("an exam-", "ple", "an example"),
        ("the North-", "South line", "the North-\nSouth line"),
        ("from 1990-", "1995", "from 1990-\n1995"),
        ("中文", "字", "中文字"),
    ],
)
def test_how_parts_are_joined(first: str, second: str, whole: str) -> None:
    blocks = block(0, "text", first, order=1), block(1, "text", second, joins_previous=True)
    assert document(*blocks).to_markdown() == f"{whole}\n"


def test_what_was_not_read_is_a_comment() -> None:
    markdown = document(block(0, "text", error="a --> b <!-- c")).to_markdown()
    assert markdown == "<!-- not read: page 1, block 1 (text): a - -> b <!- - c -->\n"
    assert shown(markdown).strip() == ""


def test_labels_can_be_left_out_or_kept() -> None:
    one = document(block(0, "header", "h"), block(1, "text", "t"))
    assert one.to_markdown() == "t\n"
    assert one.to_markdown(leave_out=()) == "h\n\nt\n"
    assert one.to_markdown(leave_out=["text"]) == "h\n"


MARKS = st.text(alphabet="*_`~[]()<>!#+-=|:&;$\\/.1aé \n\"'{}^", max_size=60)


class Tags(HTMLParser):
    """The tags and links of what is rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.add(f"comment {data}")


@given(MARKS)
@example("[a](javascript:x)")
@example("<script>alert(1)</script>")
@example("a\n===\nb\n---\nc")
@example("a|b\n---|---\nc|d")
@example("    code")
@example("[a]: http://x\n[a]")
@example("&lt;b&gt; &copy;")
@example("~~~\nx")
@example("a\\\nb  \nc")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """No mark in it means anything, but a list's at the beginning of a line."""
    markdown = document(block(0, "text", text)).to_markdown(leave_out=())
    if "\\(" in text or "\\[" in text:
        return
    tags = Tags()
    tags.feed(str(RENDERER.render(markdown)))
    assert tags.tags <= {"p", "ul", "ol", "li"}

    def bare(text: str) -> str:
        marks = r"(?m)^\s*(?:[*+-]|[0-9]{1,9}[.)])\s"
        return re.sub(r"\s+", "", re.sub(marks, "", re.sub(r"(?<=[^\W\d_A-Z])-\s*\n\s*", "", text)))

    if "li" not in tags.tags and not re.search(r"-\s*\n", text):
        assert re.sub(r"\s+", "", shown(markdown)) == re.sub(r"\s+", "", text)


@given(MARKS, st.sampled_from(["text", "doc_title", "content", "table", "formula"]))
@example("<script>", "formula")
@example("`a` <b>", "formula")
@example("[x](http://y)", "formula")
@example("\\", "formula")
def test_hostile_text_makes_no_tags_and_links(text: str, label: str) -> None:
    if label == "table":
        from html import escape

        one = table(
            0, f"<table><tr><td>{escape(text)}</td><td>\\({escape(text)}\\)</td></tr></table>"
        )
    elif label == "formula":
        one = block(0, "display_formula", text, latex=text)
    else:
        one = block(0, label, f"{text}\\({text}\\)")
    tags = Tags()
    tags.feed(str(RENDERER.render(document(one).to_markdown())))
    assert not tags.tags & {"script", "a", "b", "img", "code", "pre", "blockquote", "hr"}
    assert not [tag for tag in tags.tags if tag.startswith("comment")]
