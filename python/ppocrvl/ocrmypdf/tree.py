# SPDX-License-Identifier: Apache-2.0
"""A page as OCRmyPDF's tree: the page, paragraphs, lines, words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocrmypdf.hocrtransform import BoundingBox, OcrClass, OcrElement

from ppocrvl.document.writers.xml_text import xml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.placing import PlacedBlock, PlacedBox, PlacedLine
    from ppocrvl.document.types import PageData

_USUAL_DPI = 72.0
"""Of a picture that does not say; OCRmyPDF's always do."""
_LINES = {
    "header": OcrClass.HEADER,
    "footer": OcrClass.FOOTER,
    "number": OcrClass.FOOTER,
    "figure_title": OcrClass.CAPTION,
}
"""Kinds of lines by the label of their block."""


def page_element(page: PageData, placed: Sequence[PlacedBlock], number: int) -> OcrElement:
    """The tree of a page.

    Args:
        page: that was read.
        placed: its blocks, in reading order.
        number: of the page in its document, from 0.
    """
    return OcrElement(
        OcrClass.PAGE,
        _box((0, 0, page.width, page.height)),
        dpi=page.dpi or _USUAL_DPI,
        page_number=number,
        children=[_paragraph(one) for one in placed if one.lines],
    )


def _paragraph(placed: PlacedBlock) -> OcrElement:
    kind = _LINES.get(placed.block.label, OcrClass.LINE)
    return OcrElement(
        OcrClass.PARAGRAPH,
        _box(placed.block.box),
        children=[_line(line, kind) for line in placed.lines],
    )


def _line(line: PlacedLine, kind: str) -> OcrElement:
    words = [
        OcrElement(
            OcrClass.WORD, _box(word.box), text=xml_text(word.text), confidence=line.confidence
        )
        for word in line.words
    ]
    return OcrElement(kind, _box(line.box), children=words)


def _box(box: PlacedBox) -> BoundingBox:
    return BoundingBox(*box)
