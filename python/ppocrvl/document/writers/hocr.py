# SPDX-License-Identifier: Apache-2.0
"""hOCR 1.2: a page of HTML whose elements say where pages, blocks, lines and words stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.document.placing import place
from ppocrvl.document.writers.written import File
from ppocrvl.document.writers.xml_text import xml_escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.document.document import Document
    from ppocrvl.document.placing import PlacedBlock, PlacedBox, PlacedLine
    from ppocrvl.document.types import PageData
    from ppocrvl.document.writers.written import WriteOptions

_CLASSES = {
    "header": "ocr_header",
    "footer": "ocr_footer",
    "number": "ocr_pageno",
    "figure_title": "ocr_caption",
    "table": "ocr_table",
    "display_formula": "ocr_display",
    "formula": "ocr_display",
    "image": "ocr_photo",
    "header_image": "ocr_photo",
    "footer_image": "ocr_photo",
    "seal": "ocr_photo",
    "chart": "ocr_image",
}
"""Of the specification, by label; all others are areas of text."""
_AREA = "ocr_carea"
_CAPABILITIES = " ".join(
    ["ocr_page", _AREA, *sorted(set(_CLASSES.values())), "ocr_par", "ocr_line", "ocrx_word"]
)


def hocr_files(document: Document, options: WriteOptions) -> list[File]:
    """The document as one file."""
    pages = "".join(_page(document, page) for page in document.pages)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        f"<title>{xml_escaped(document.name)}</title>\n"
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'
        '<meta name="ocr-system" content="ppocrvl" />\n'
        f'<meta name="ocr-capabilities" content="{_CAPABILITIES}" />\n'
        f'<meta name="ocr-number-of-pages" content="{len(document.pages)}" />\n'
        f"</head>\n<body>\n{pages}</body>\n</html>\n"
    )
    return [File(f"{options.stem}.hocr", text)]


def _page(document: Document, page: PageData) -> str:
    name = xml_escaped(document.name.replace('"', "").replace("\\", "/"))
    about = [
        f"image &quot;{name}&quot;",
        _place((0, 0, page.width, page.height)),
        f"ppageno {page.index}",
    ]
    if page.dpi:
        about.append(f"scan_res {round(page.dpi)} {round(page.dpi)}")
    number = page.index + 1
    blocks = "".join("".join(_block(one, number)) for one in place(page))
    return f'<div class="ocr_page" id="page_{number}" title="{"; ".join(about)}">\n{blocks}</div>\n'


def _block(placed: PlacedBlock, page: int) -> Iterator[str]:
    block = placed.block
    kind, name = _CLASSES.get(block.label, _AREA), f"{page}_{block.index + 1}"
    yield f'<div class="{kind}" id="block_{name}" title="{_place(block.box)}">\n'
    if placed.lines:
        yield f'<p class="ocr_par" id="par_{name}" title="{_place(block.box)}">\n'
        for i, line in enumerate(placed.lines, 1):
            yield _line(line, f"{name}_{i}")
        yield "</p>\n"
    yield "</div>\n"


def _line(line: PlacedLine, name: str) -> str:
    """The model says how sure it is of lines, not of words."""
    sure = f"x_wconf {round(100 * line.confidence)}"
    words = " ".join(
        f'<span class="ocrx_word" id="word_{name}_{i}" title="{_place(word.box)}; {sure}">'
        f"{xml_escaped(word.text)}</span>"
        for i, word in enumerate(line.words, 1)
    )
    return f'<span class="ocr_line" id="line_{name}" title="{_place(line.box)}">{words}</span>\n'


def _place(box: PlacedBox) -> str:
    return "bbox " + " ".join(str(round(side)) for side in box)
