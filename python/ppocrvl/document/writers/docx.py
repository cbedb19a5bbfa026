# SPDX-License-Identifier: Apache-2.0
"""A document for word processors (ECMA-376, .docx)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import docx
from docx.enum.text import WD_TAB_ALIGNMENT
from docx.oxml import parse_xml
from docx.shared import Emu, Inches

from ppocrvl.document.flow import flow
from ppocrvl.document.joining import one_line
from ppocrvl.document.lists import TextList, paragraphs
from ppocrvl.document.writers.docx_table import add_table
from ppocrvl.document.writers.fixed_zip import fixed_zip
from ppocrvl.document.writers.latex import text_and_formulas
from ppocrvl.document.writers.written import File, pictures_of
from ppocrvl.document.writers.xml_text import xml_text
from ppocrvl.markup.omml import to_omml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docx.document import Document as WordDocument
    from docx.text.paragraph import Paragraph

    from ppocrvl.document.document import Document
    from ppocrvl.document.flow import Kind, Part
    from ppocrvl.document.types import Picture
    from ppocrvl.document.writers.written import WriteOptions

_LEAST_DPI = 96
"""Of figures whose page does not say its own."""
_DEEPEST_HEADING = 9
_CODE_FONT = "Courier New"


def docx_files(document: Document, options: WriteOptions) -> list[File]:
    """The document as one file, figures within it."""
    writer = _Writer(document, options)
    for part in flow(document.pages, options.labels_left_out):
        writer.add(part)
    return [File(f"{options.stem}.docx", writer.data())]


class _Writer:
    """A document in the making."""

    def __init__(self, document: Document, options: WriteOptions) -> None:
        self._word: WordDocument = docx.Document()
        about = self._word.core_properties
        about.title, about.author, about.comments = xml_text(document.name)[:255], "", ""
        self._dpi = {page.index: page.dpi or _LEAST_DPI for page in document.pages}
        shown = options.figures != "none"
        self._pictures: Mapping[str, Picture] = pictures_of(document.pages) if shown else {}
        section = self._word.sections[0]
        margins = (section.left_margin or 0) + (section.right_margin or 0)
        self._width = int((section.page_width or 0) - margins)

    def add(self, part: Part) -> None:
        """One part of the text more."""
        write = _WRITE.get(part.kind)
        if write is not None:
            write(self, part)

    def data(self) -> bytes:
        """The file."""
        out = BytesIO()
        self._word.save(out)
        return fixed_zip(out.getvalue())

    def heading(self, part: Part) -> None:
        level = min(part.level, _DEEPEST_HEADING)
        self._fill(self._word.add_heading("", level), one_line(part.text))

    def text(self, part: Part) -> None:
        for one in paragraphs(xml_text(part.text)):
            if isinstance(one, TextList):
                self._list(one)
            else:
                self._fill(self._word.add_paragraph(), one_line(one))

    def lines(self, part: Part) -> None:
        self._fill(self._word.add_paragraph(), part.text.strip())

    def code(self, part: Part) -> None:
        run = self._word.add_paragraph().add_run(xml_text(part.text))
        run.font.name = _CODE_FONT

    def failed(self, part: Part) -> None:
        run = self._word.add_paragraph().add_run(xml_text(f"[not read: {part.text}]"))
        run.italic = True

    def formula(self, part: Part) -> None:
        """In the middle, its number at the right."""
        paragraph = self._word.add_paragraph()
        stops = paragraph.paragraph_format.tab_stops
        stops.add_tab_stop(Emu(self._width // 2), WD_TAB_ALIGNMENT.CENTER)
        stops.add_tab_stop(Emu(self._width), WD_TAB_ALIGNMENT.RIGHT)
        paragraph.add_run("\t")
        _add_formula(paragraph, part.text, part.text)
        if part.number:
            paragraph.add_run(f"\t({xml_text(part.number)})")

    def figure(self, part: Part) -> None:
        for picture in part.pictures:
            self._picture(self._word.add_paragraph(), picture, part.page)

    def table(self, part: Part) -> None:
        assert part.table is not None  # noqa: S101 - of this kind it has one
        add_table(
            self._word,
            part.table,
            self._fill,
            lambda paragraph, name, width: self._named(paragraph, name, part.page, width),
        )
        self._word.add_paragraph()  # or the next table would be one with this

    def _list(self, found: TextList) -> None:
        style = "List Bullet" if found.first is None else "List Number"
        number = None if found.first is None else self._numbering(style, found.first)
        for item in found.items:
            paragraph = self._word.add_paragraph(style=style)
            if number is not None:
                properties = _xml(paragraph).get_or_add_pPr().get_or_add_numPr()
                properties.get_or_add_numId().val = number
            self._fill(paragraph, one_line(item))

    def _numbering(self, style: str, first: int) -> int:
        """The number of a new list of this style, which counts from `first`."""
        styled = self._word.styles[style].element.pPr.numPr.numId.val
        numbering = self._word.part.numbering_part.element
        new = numbering.add_num(numbering.num_having_numId(styled).abstractNumId.val)
        new.add_lvlOverride(ilvl=0).add_startOverride(first)
        return int(new.numId)

    def _fill(self, paragraph: Paragraph, text: str) -> None:
        """Text with formulas; lines are broken where it breaks them."""
        for one in text_and_formulas(text):
            if isinstance(one, str):
                paragraph.add_run(xml_text(one))
            else:
                _add_formula(paragraph, one.latex, one.written)

    def _named(self, paragraph: Paragraph, name: str, page: int, width: int) -> None:
        if name in self._pictures:
            self._picture(paragraph, self._pictures[name], page, width)

    def _picture(
        self, paragraph: Paragraph, picture: Picture, page: int, width: int | None = None
    ) -> None:
        """As wide as it was on the page, if there is room."""
        if picture.name in self._pictures:
            natural = Inches(picture.width / self._dpi[page])
            shown = Emu(min(natural, width or self._width))
            paragraph.add_run().add_picture(BytesIO(picture.data), width=shown)


def _add_formula(paragraph: Paragraph, latex: str, otherwise: str) -> None:
    omml = to_omml(xml_text(latex).strip())
    if omml is None:
        paragraph.add_run(xml_text(otherwise))
    else:
        _xml(paragraph).append(parse_xml(omml))


def _xml(paragraph: Paragraph) -> Any:  # noqa: ANN401
    """For what python-docx has no words."""
    return paragraph._p  # noqa: SLF001


_WRITE: dict[Kind, Callable[[_Writer, Part], None]] = {
    "heading": _Writer.heading,
    "paragraph": _Writer.text,
    "lines": _Writer.lines,
    "code": _Writer.code,
    "failed": _Writer.failed,
    "formula": _Writer.formula,
    "figure": _Writer.figure,
    "table": _Writer.table,
}
"""By kind. Where pages begin is not written: the text flows."""
