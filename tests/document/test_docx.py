# SPDX-License-Identifier: Apache-2.0
"""The document for word processors: read back by python-docx, and by LibreOffice."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.document.made import block, document, picture, table, two_pages

pytest.importorskip("docx", reason='needs python-docx: pip install ".[docx]"')

import docx

from ppocrvl.document.writers.formats import FORMATS
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.markup.omml import NAMESPACE

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.document.document import Document

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def written(one: Document, **options: Any) -> bytes:
    (file,) = FORMATS["docx"].files(one, WriteOptions(**options))
    assert isinstance(file.data, bytes)
    return file.data


def read(one: Document, **options: Any) -> Any:
    return docx.Document(BytesIO(written(one, **options)))


def test_text_in_its_order_and_styles() -> None:
    word = read(two_pages())
    found = [(one.style.name, one.text) for one in word.paragraphs if one.text]
    assert found[:4] == [
        ("Title", "On Cats and Dogs"),
        ("Normal", "Abstract We look at cats."),
        ("Heading 1", "1. Introduction"),
        ("Normal", "Cats cost $5 and weigh . They are animals."),
    ]
    assert ("List Bullet", "they purr") in found
    assert ("List Bullet", "they sleep all day") in found
    assert ("Normal", "for cat in cats:\n    feed(cat)") in found
    assert ("Normal", "1 Introduction ... 1\n2 Dogs ... 7") in found
    assert ("Normal", "[not read: page 2, block 10 (text): the engine failed]") in found
    assert ("Normal", "[not read: page 4: page 4 is missing]") in found
    assert not any("Journal" in text for _, text in found)
    assert word.core_properties.title == "paper.pdf"
    assert word.core_properties.author == ""


def test_formulas_are_office_math() -> None:
    word = read(two_pages())
    formulas = word.element.body.findall(f".//{{{NAMESPACE}}}oMath")
    assert len(formulas) == 3
    texts = ["".join(one.itertext()) for one in formulas]
    assert texts[1] == "E=mc2"
    (paragraph,) = (one for one in word.paragraphs if one.text == "\t\t(3)")
    assert paragraph._p.find(f"{{{NAMESPACE}}}oMath") is not None


def test_what_cannot_be_converted_stays_latex() -> None:
    word = read(
        document(
            block(0, "formula", "x", latex="\\nonsense{x}"), block(1, "text", "a \\(\\what\\) b")
        )
    )
    assert [one.text for one in word.paragraphs] == ["\t\\nonsense{x}", "a \\(\\what\\) b"]


def grid(word: Any) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in word.tables[0].rows]


def test_cells_cover_what_they_cover() -> None:
    html = (
        '<table><tr><td rowspan="2">a</td><th colspan="2">b</th></tr>'
        "<tr><td>c</td><td>d<br>e</td></tr><tr><td>f</td></tr></table>"
    )
    word = read(document(table(0, html)))
    assert grid(word) == [["a", "b", "b"], ["a", "c", "d\ne"], ["f", "", ""]]
    rows = word.tables[0].rows
    assert rows[0].cells[0]._tc is rows[1].cells[0]._tc
    assert rows[0].cells[1]._tc is rows[0].cells[2]._tc
    assert rows[0].cells[1].paragraphs[0].runs[0].bold
    assert not rows[1].cells[1].paragraphs[0].runs[0].bold


SPANS = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25)
@given(SPANS)
def test_any_table_is_read_back(rows: list[list[tuple[int, int]]]) -> None:
    inside = "".join(
        "<tr>"
        + "".join(
            f'<td rowspan="{down}" colspan="{across}">{r}.{c}</td>'
            for c, (down, across) in enumerate(row)
        )
        + "</tr>"
        for r, row in enumerate(rows)
    )
    word = read(document(table(0, f"<table>{inside}</table>")))
    texts = {text for row in grid(word) for text in row if text}
    assert texts == {f"{r}.{c}" for r, row in enumerate(rows) for c in range(len(row))}


def test_lists_count_anew() -> None:
    word = read(document(block(0, "text", "3. c\n4. d"), block(1, "text", "1. a\n2. b")))
    styles = [one.style.name for one in word.paragraphs]
    assert styles == ["List Number"] * 4
    numbers = [one._p.pPr.numPr.numId.val for one in word.paragraphs]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    numbering = word.part.numbering_part.element
    starts = [
        numbering.num_having_numId(number).lvlOverride_lst[0].startOverride.val
        for number in (numbers[0], numbers[2])
    ]
    assert starts == [3, 1]


def test_figures_are_as_wide_as_on_the_page() -> None:
    word = read(two_pages())
    (shape,) = word.inline_shapes
    assert shape.width.inches == pytest.approx(20 / 144, abs=0.001)
    assert not read(two_pages(), figures="none").inline_shapes
    wide = block(0, "image", pictures=(picture(size=(3000, 10)),), source="none")
    assert read(document(wide)).inline_shapes[0].width.inches == pytest.approx(6, abs=0.5)


def test_figures_in_tables() -> None:
    html = '<table><tr><td>a<img src="page-1-image-1.jpg"></td><td><img src="no.jpg"></td></tr>'
    assert len(read(document(table(0, html, pictures=(picture(),)))).inline_shapes) == 1


def test_the_same_document_gives_the_same_bytes() -> None:
    assert written(two_pages()) == written(two_pages())


@pytest.mark.slow
@pytest.mark.skipif(
    SOFFICE is None, reason="needs LibreOffice: apt-get install libreoffice-writer-nogui"
)
def test_libreoffice_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "paper.docx"
    path.write_bytes(written(two_pages()))
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation=file://{tmp_path}/profile"]
    subprocess.run(
        [*command, "--convert-to", "txt:Text (encoded):UTF8", "--outdir", tmp_path, path],
        check=True,
        capture_output=True,
        timeout=600,
    )
    text = (tmp_path / "paper.txt").read_text(encoding="utf-8-sig")
    place = -1
    for part in (
        *("On Cats and Dogs", "Abstract We look at cats.", "1. Introduction", "animals."),
        *("they purr", "they sleep all day", "(3)", "Name", "Price", "Nut", "Both", "2 < 3"),
        *("Year", "2026", "feed(cat)", "2 Dogs ... 7", "the engine failed", "Purring."),
    ):
        place = text.find(part, place + 1)
        assert place >= 0, part
