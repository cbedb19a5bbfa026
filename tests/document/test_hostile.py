# SPDX-License-Identifier: Apache-2.0
"""Whatever stands on a page is text in every format: nothing of it runs, nothing leaves its place.

Each format is read by what reads such files, and looked through for what could run.
"""

from __future__ import annotations

import re
import zipfile
from html.parser import HTMLParser
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from tests.document.made import block, page, picture, table

from ppocrvl.document.document import Document
from ppocrvl.document.writers.formats import FORMATS
from ppocrvl.document.writers.written import WriteOptions

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "</title></style></pre></span></body></html><iframe src=//evil.example>",
    "]]><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "=cmd|' /C calc'!A0",
    "\\text{<script>alert(1)</script>}",
    "\\href{javascript:alert(1)}{x}",
    "endstream endobj (/S /JavaScript /JS (app.alert(1)))",
    "<w:instrText>DDEAUTO c:\\\\windows\\\\system32</w:instrText>",
    "\x00\x08\x1b[31m\ufffe\ud800",
)
RUNS = frozenset(("script", "iframe", "object", "embed", "base", "form", "link", "meta", "style"))


def hostile(text: str) -> Document:
    """It stands everywhere."""
    cells = f"<table><tr><td onclick='x'>{text}</td><th rowspan='2'>{text}</th></tr></table>"
    blocks = (
        *(
            block(i, one, text)
            for i, one in enumerate(("doc_title", "text", "algorithm", "content"))
        ),
        block(4, "text", f"\\({text}\\) \\[{text}\\]"),
        block(5, "display_formula", text, latex=text),
        block(6, "formula_number", text),
        table(7, cells),
        table(8, cells, "chart", text=f"{text}|{text}\n{text}|1"),
        block(9, "text", error=text),
        block(10, "image", pictures=(picture(),), source="none"),
        block(11, "text", f"• {text}\n• {text}"),
    )
    return Document.of(text, 2, [page(*blocks, notes=(text,)), page(index=1, error=text)])


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_html(html: str, *, own: dict[str, int] | None = None) -> None:
    """No element but our own could run, and no attribute."""
    found = Elements(html).found
    own = own or {}
    for tag in RUNS:
        assert sum(name == tag for name, _ in found) == own.get(tag, 0), tag
    for _, attributes in found:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert not str(value).strip().lower().startswith(("javascript:", "//", "http"))


def check_markdown(data: bytes) -> None:
    """As a site would show it that lets HTML through."""
    check_html(MarkdownIt("commonmark", {"html": True}).enable("table").render(data.decode()))


def check_xml(data: bytes, namespaces: tuple[str, ...]) -> None:
    assert data.count(b"<!ENTITY") == 0
    for element in ET.fromstring(data).iter():
        assert element.tag.startswith(tuple(f"{{{one}" for one in namespaces))
        assert element.tag.rpartition("}")[2] not in RUNS - {"meta"}
        assert not any(name.startswith("on") for name in element.attrib)


def check_docx(data: bytes) -> None:
    with zipfile.ZipFile(BytesIO(data)) as made:
        text = made.read("word/document.xml").decode()
        relations = made.read("word/_rels/document.xml.rels").decode()
    check_xml(text.encode(), ("http://schemas.openxmlformats.org/",))
    assert 'TargetMode="External"' not in relations
    assert not re.search(r"<w:(instrText|fldSimple|hyperlink|object)\b", text)


def check_pdf(data: bytes) -> None:
    import pikepdf

    with pikepdf.open(BytesIO(data)) as pdf:
        for one in pdf.objects:
            if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
                assert not {"/JS", "/JavaScript", "/OpenAction", "/AA", "/URI", "/Annots"} & set(
                    one.keys()
                )
        assert len(pdf.pages) == 2


HTML_NAMESPACES = ("http://www.w3.org/1999/xhtml",)
CHECKS: dict[str, Callable[[bytes], None]] = {
    "md": check_markdown,
    "html": lambda data: check_html(data.decode(), own={"script": 1, "style": 1, "meta": 3}),
    "docx": check_docx,
    "pdf": check_pdf,
    "hocr": lambda data: check_xml(data, HTML_NAMESPACES),
    "alto": lambda data: check_xml(data, ("http://www.loc.gov/standards/alto/ns-v4#",)),
}
PLAIN = {"json", "txt", "csv", "paddlex-json", "drawing"}
"""Formats that no program runs; they are written, and that is all."""


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", FORMATS)
def test_whatever_stands_on_a_page_is_text(name: str, text: str) -> None:
    one = FORMATS[name]
    if one.needs is not None:
        pytest.importorskip(one.needs, reason=f'needs {one.needs}: pip install ".[{name}]"')
    assert (name in CHECKS) != (name in PLAIN)
    for file in one.files(hostile(text), WriteOptions()):
        data = b"".join(file.pieces())
        if name in CHECKS and file.name.endswith(one.suffix):
            CHECKS[name](data)
