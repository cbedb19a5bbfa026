# SPDX-License-Identifier: Apache-2.0
"""hOCR, against what its specification (1.2) asks for."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from tests.document.made import block, document, table, two_pages

from ppocrvl.document.document import Document

HTML = "{http://www.w3.org/1999/xhtml}"
PROPERTY = re.compile(r"bbox( \d+){4}|x_wconf \d+|ppageno \d+|scan_res \d+ \d+|image \"[^\"]*\"")


def elements(one: Document, kind: str) -> list[ET.Element]:
    root = ET.fromstring(one.to("hocr"))
    return [found for found in root.iter() if found.get("class") == kind]


def box(element: ET.Element) -> list[int]:
    found = re.search(r"bbox (\d+) (\d+) (\d+) (\d+)", str(element.get("title")))
    assert found is not None
    return [int(side) for side in found.groups()]


def test_pages_blocks_lines_and_words() -> None:
    one = two_pages()
    pages = elements(one, "ocr_page")
    assert [page.get("title") for page in pages] == [
        'image "paper.pdf"; bbox 0 0 200 400; ppageno 0; scan_res 144 144',
        'image "paper.pdf"; bbox 0 0 200 400; ppageno 1; scan_res 144 144',
        'image "paper.pdf"; bbox 0 0 200 400; ppageno 3; scan_res 144 144',
    ]
    assert len(elements(one, "ocr_photo")) == 1
    assert len(elements(one, "ocr_table")) == 2
    assert len(elements(one, "ocr_image")) == 1
    assert [word.text for word in elements(one, "ocrx_word")][:5] == [
        *("Journal", "of", "Examples", "On", "Cats"),
    ]
    lines = ["".join(line.itertext()) for line in elements(one, "ocr_line")]
    assert "animals." in lines
    assert "E = mc^2" in lines


def test_what_is_within_lies_within() -> None:
    def check(outer: ET.Element, around: list[int]) -> None:
        for inner in outer:
            now = around
            if inner.get("title") is not None:
                now = box(inner)
                assert around[0] <= now[0] <= now[2] <= around[2]
                assert around[1] <= now[1] <= now[3] <= around[3]
            check(inner, now)

    html = "<table><tr><td>a b</td><td>c</td></tr></table>"
    one = document(block(0, "text", "a b\nc"), table(1, html), block(2, "formula", "x", latex="x"))
    for page in elements(one, "ocr_page"):
        check(page, box(page))


def test_properties_and_capabilities() -> None:
    root = ET.fromstring(two_pages().to("hocr"))
    used = {str(one.get("class")) for one in root.iter() if one.get("class")}
    meta = {one.get("name"): one.get("content") for one in root.iter(f"{HTML}meta")}
    assert used <= set(str(meta["ocr-capabilities"]).split())
    assert meta["ocr-system"] == "ppocrvl"
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in root.iter():
        if one.get("title"):
            assert all(PROPERTY.fullmatch(part) for part in str(one.get("title")).split("; "))
    assert str(elements(two_pages(), "ocrx_word")[0].get("title")).endswith("x_wconf 99")


def test_names_and_missing_resolution() -> None:
    one = Document.of('a"b\\c<.pdf', 1, document(block(0, "text", "x")).pages)
    assert elements(one, "ocr_page")[0].get("title", "").startswith('image "ab/c<.pdf"; ')
