# SPDX-License-Identifier: Apache-2.0
"""The document as one page of HTML: in it, and in a browser."""

from __future__ import annotations

import importlib.util
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.document.made import block, document, line, page, table, two_pages

from ppocrvl.document.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Elements(HTMLParser):
    """All elements with their attributes, and the text in between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_every_block_stands_on_the_page_and_beside_it() -> None:
    elements = Elements(two_pages().to_html())
    names = [f"{0}-{n}" for n in range(9)] + [f"1-{n}" for n in range(12)]
    for tag in ("g", "article"):
        assert [one["data-block"] for one in elements.of(tag)] == names
    assert elements.of("svg")[0]["viewbox"] == "0 0 200 400"
    assert elements.of("polygon")[1]["points"] == "10,40 190,40 190,76 10,76"
    assert "not read: the engine failed" in elements.text
    assert "not read: page 4 is missing" in elements.text
    assert "rendered at 96 dpi" in elements.text


def test_nothing_is_fetched() -> None:
    html = two_pages().to_html()
    addresses = re.findall(r'(?:src|href|action|data)="([^"]*)"', html)
    assert len(addresses) == 2  # the second page, and the figure of the first
    assert all(one.startswith("data:image/jpeg;base64,") for one in addresses)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_doubtful_text_is_tinted() -> None:
    sure, doubtful = line("sure"), line("doubtful", 0.6)
    lines = block(0, "text", "sure\ndoubtful", lines=(sure, doubtful))
    whole = block(1, "text", "changed", lines=(sure,), confidence=0.9)
    taken = block(2, "text", "taken", source="text-layer", confidence=0.0)
    spans = Elements(document(lines, whole, taken).to_html()).of("span")
    assert [one.get("class") for one in spans] == [None, "doubt-3", "doubt-1", None]
    assert spans[1]["title"] == "60.0%"


def test_formulas_are_mathml() -> None:
    html = document(block(0, "text", "a \\(x^2\\)"), block(1, "formula", "y", latex="y")).to_html()
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">' in html or (
        html.count("<math") == 2
    )


HOSTILE = st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style>", "]]>", "&lt;b&gt;"]
)


@given(HOSTILE | st.text(max_size=20), st.sampled_from(["text", "doc_title", "algorithm", "table"]))
def test_whatever_stands_on_a_page_is_text(text: str, label: str) -> None:
    one = (
        table(0, f'<table><tr><td onclick="x">{text}</td></tr></table>')
        if label == "table"
        else block(0, label, text, error=text, latex=text if label == "algorithm" else None)
    )
    notes = (text,)
    html = Document.of(text, 1, [page(one, notes=notes, error=text)]).to_html()
    elements = Elements(html)
    assert len(elements.of("script")) == 1
    assert len(elements.of("style")) == 1
    assert not elements.of("img")
    assert not [name for _, attributes in elements.found for name in attributes if name[:2] == "on"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("needs playwright: the [dev] extra")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


def test_pointing_marks_a_block_on_both_sides(browser: Any, tmp_path: Path) -> None:
    two_pages().save(tmp_path, ["html"])
    visit = browser.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    asked: list[str] = []
    visit.on("console", lambda one: complaints.append(one.text))
    visit.on("pageerror", lambda error: complaints.append(str(error)))
    visit.on("request", lambda request: asked.append(request.url))
    visit.goto((tmp_path / "paper.html").as_uri())
    marked = (
        "[...document.querySelectorAll('.marked')].map((one) => one.tagName + one.dataset.block)"
    )
    visit.hover("article[data-block='1-4']")
    assert sorted(visit.evaluate(marked)) == ["ARTICLE1-4", "g1-4"]
    visit.hover("g[data-block='1-1'] polygon")
    assert sorted(visit.evaluate(marked)) == ["ARTICLE1-1", "g1-1"]
    visit.hover("h1")
    assert visit.evaluate(marked) == []
    box = visit.evaluate(
        "(() => { const one = document.querySelectorAll('.shown')[1];"
        " const side = (of) =>"
        " one.querySelector(of).getBoundingClientRect().height;"
        " return [side('img'), side('svg')] })()"
    )
    assert box[0] == pytest.approx(box[1], abs=1)  # the outlines lie on the picture
    visit.close()
    assert not complaints
    assert all(url.startswith(("file:", "data:")) for url in asked)
