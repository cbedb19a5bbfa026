# SPDX-License-Identifier: Apache-2.0
"""The searchable PDF, read back by PDFium and by poppler."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.document.made import block, document, page, picture, table, two_pages

pytest.importorskip("pikepdf", reason='needs pikepdf: pip install ".[pdf]"')

import pikepdf
import pypdfium2

from ppocrvl.document.document import Document
from ppocrvl.document.placing import place
from ppocrvl.document.types import PageData
from ppocrvl.document.writers.formats import FORMATS
from ppocrvl.document.writers.written import WriteOptions

if TYPE_CHECKING:
    from pathlib import Path

PDFTOTEXT = shutil.which("pdftotext")
SCRIPTS = "Ünïcödé Ελληνικά Русский 漢字かな العربية"
BEYOND = "\N{MATHEMATICAL BOLD SCRIPT CAPITAL L}"
"""A character of two UTF-16 units, which PDFium leaves out."""


def written(one: Document) -> bytes:
    (file,) = FORMATS["pdf"].files(one, WriteOptions())
    assert isinstance(file.data, bytes)
    return file.data


def text_of(data: bytes, index: int = 0) -> str:
    with pypdfium2.PdfDocument(data) as pdf:
        return str(pdf[index].get_textpage().get_text_bounded())


def test_pages_are_pictures_of_their_size() -> None:
    data = written(two_pages())
    with pikepdf.open(BytesIO(data)) as pdf:
        boxes = [[float(side) for side in one.mediabox] for one in pdf.pages]
        assert boxes == [[0, 0, 100, 200]] * 3
        assert "/XObject" not in pdf.pages[0].Resources
        image = pdf.pages[1].Resources.XObject.Page
        assert image.read_raw_bytes() == picture("page-2.jpg", (200, 400)).data
        assert str(pdf.docinfo["/Title"]) == "paper.pdf"
        assert not pdf.check_pdf_syntax()
    with pypdfium2.PdfDocument(data) as pdf:
        shown = pdf[1].render(scale=2).to_pil()
    assert shown.size == (200, 400)
    with Image.open(BytesIO(picture("p", (200, 400)).data)) as true:
        assert shown.getpixel((60, 60)) == true.getpixel((60, 60))  # no text is seen


def test_text_is_found_in_reading_order() -> None:
    one = document(
        block(0, "header", "Journal of Examples"),  # left out elsewhere, but it is on the page
        block(1, "doc_title", "On Cats"),
        block(3, "text", "Cats cost $5 and weigh \\(m = 4\\,kg\\).\nThey are"),
        table(2, "<table><tr><td>Nut</td><td>2 &lt; 3</td></tr></table>"),
    )
    text = text_of(written(one)).split()
    assert " ".join(text) == (
        "Journal of Examples On Cats Cats cost $5 and weigh m = 4\\,kg. They are Nut 2 < 3"
    )


def test_characters_of_any_script() -> None:
    many = " ".join(chr(code) for code in range(0x4E00, 0x4E00 + 700))
    one = document(block(0, "text", SCRIPTS), block(1, "text", many))
    text = " ".join(text_of(written(one)).split())
    assert sorted(SCRIPTS.replace(" ", "")) == sorted(text.split("一")[0].replace(" ", ""))
    assert all(letter in text for letter in many)


def test_words_stand_where_they_were_placed() -> None:
    one = document(block(2, "text", "Wide and ill words"))
    (placed,) = place(one.pages[0])
    with pypdfium2.PdfDocument(written(one)) as pdf:
        characters = pdf[0].get_textpage()
        text = characters.get_text_bounded()
        for word in placed.lines[0].words:
            begin = text.index(word.text)
            left, bottom, right, top = characters.get_charbox(begin, loose=True)
            assert left == pytest.approx(word.box[0] / 2, abs=0.1)
            assert 200 - top == pytest.approx(word.box[1] / 2, abs=0.5)
            assert 200 - bottom == pytest.approx(word.box[3] / 2, abs=0.5)
            end = characters.get_charbox(begin + len(word.text) - 1, loose=True)[2]
            assert end == pytest.approx(word.box[2] / 2, abs=0.1)
            assert right <= end + 0.1


@pytest.mark.skipif(PDFTOTEXT is None, reason="needs poppler: apt-get install poppler-utils")
def test_poppler_finds_words_and_places(tmp_path: Path) -> None:
    one = document(block(2, "text", "Wide and ill words"), block(3, "text", BEYOND))
    path = tmp_path / "a.pdf"
    path.write_bytes(written(one))
    done = subprocess.run(
        [str(PDFTOTEXT), "-bbox", path, "-"], check=True, capture_output=True, timeout=600
    )
    assert not done.stderr
    words = re.findall(
        r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]+)<',
        done.stdout.decode(),
    )
    assert words[4][4] == BEYOND
    placed = [word for line in place(one.pages[0])[0].lines for word in line.words]
    assert [one[4] for one in words[:4]] == ["Wide", "and", "ill", "words"]
    for found, word in zip(words, placed, strict=False):
        for side, value in zip(word.box, found, strict=False):
            assert float(value) == pytest.approx(side / 2, abs=1.0)


def test_failed_page_and_no_pixels() -> None:
    nothing = PageData(0, 0, 0, 0.0, error="no")
    no_dpi = replace(page(block(0, "text", "x"), index=1), dpi=0.0)
    data = written(Document.of("a\udcff.pdf", 2, [nothing, no_dpi]))
    with pikepdf.open(BytesIO(data)) as pdf:
        sizes = [[float(side) for side in one.mediabox[2:]] for one in pdf.pages]
    assert sizes == [[595, 842], [200, 400]]


@pytest.mark.parametrize(
    ("size", "dpi", "points"),
    [((30_000, 10), 0.0, (14_400, 4.8)), ((1, 1), 144.0, (3, 3)), ((1, 30_000), 0.0, (3, 14_400))],
)
def test_pages_have_sizes_that_pdf_allows(
    size: tuple[int, int], dpi: float, points: tuple[float, float]
) -> None:
    data = written(Document.of("a", 1, [PageData(0, *size, dpi)]))
    with pikepdf.open(BytesIO(data)) as pdf:
        assert [float(side) for side in pdf.pages[0].mediabox[2:]] == pytest.approx(points)


def test_the_same_document_gives_the_same_bytes() -> None:
    assert written(two_pages()) == written(two_pages())
