# SPDX-License-Identifier: Apache-2.0
"""Pages set by WeasyPrint from HTML: slower than the painter, but another hand.

Boxes come from the layout itself and are tightened to the ink, as the painter's are. Needs the
``train`` extra (WeasyPrint, pypdfium2) and Debian's ``libpango-1.0-0``, ``libpangoft2-1.0-0``.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pypdfium2
import weasyprint
from PIL import ImageFile
from weasyprint.formatting_structure import boxes
from weasyprint.text.fonts import FontConfiguration

from pages import markup
from pages.css import style_sheet
from pages.faces import faces
from pages.maker import Page
from pages.sheet import Place, Region
from pages.style import choose
from pages.words import Topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from pages.sheet import Box

# WeasyPrint turns this on for the whole process; damaged pictures are errors.
ImageFile.LOAD_TRUNCATED_IMAGES = False

CSS_DPI = 96
PDF_DPI = 144  # at which ``ppocrvl parse`` renders
MOST_PAGES = 4
FAR = 40  # of 255: what differs more from the background is ink


def make(seed: str, *, held_out: bool = False) -> Page:
    """The page of ``seed``, clean, in RGB; see ``maker.make``."""
    rng = random.Random(seed)
    dpi = rng.choice((80, 90, 100, 110))
    document, name = _set(rng, dpi, held_out=held_out)
    page = document.pages[min(len(document.pages) - 1, rng.choice((0, 0, 0, 1)))]
    return _page(page, _pixels(document.copy([page]).write_pdf(), dpi)[0], name, dpi)


def make_document(
    seed: str, *, held_out: bool = False, most: int = MOST_PAGES
) -> tuple[bytes, list[Page]]:
    """The PDF of ``seed``, of so many pages at most, and its pages as parsing renders them.

    A paragraph that goes on on the next page is a region on either.
    """
    document, name = _set(random.Random(seed), PDF_DPI, held_out=held_out)
    pages = document.pages[:most]
    pdf: bytes = document.copy(pages).write_pdf()
    images = _pixels(pdf, PDF_DPI)
    return pdf, [_page(p, i, name, PDF_DPI) for p, i in zip(pages, images, strict=True)]


def _set(rng: random.Random, dpi: float, *, held_out: bool) -> tuple[weasyprint.Document, str]:
    """A document and the name of its template."""
    have = faces(held_out=held_out)
    kind = rng.choice(markup.HELD_OUT if held_out else markup.TRAIN)
    writer = markup.Writer(rng, choose(rng, have, dpi), Topic(rng))
    style = style_sheet(rng, have, columns=rng.choice((1, 2, 2, 3)))
    text = f"<html><head><style>{style}</style></head><body>{kind(writer)}</body></html>"
    return weasyprint.HTML(string=text).render(font_config=FontConfiguration()), kind.__name__


def _page(page: weasyprint.Page, image: Image.Image, name: str, dpi: float) -> Page:
    return Page(image, (255, 255, 255), _regions(page, image, dpi / CSS_DPI), name, dpi)


def _pixels(pdf: bytes, dpi: float) -> list[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dpi / 72).to_pil().convert("RGB") for page in document]


def _regions(page: weasyprint.Page, image: Image.Image, scale: float) -> list[Region]:
    """Regions in reading order: running head, body as the text goes, notes, running foot."""
    out = []
    for box, label, place in _boxes(page._page_box, Place.BODY):  # noqa: SLF001 - the way to the boxes
        whole = box.element is not None and box.element.get("data-whole") is not None
        found = _tight(image, _extent(box, scale), whole=whole)
        if found is None:
            continue
        region = Region(label, place, found, _lines(box))
        if label == "table":
            region.cells = [_cells(row) for row in _of(box, boxes.TableRowBox)]
            region.lines = []
        if box.element is not None:
            region.latex = box.element.get("data-latex")
        out.append(region)
    return sorted(out, key=lambda r: r.place)


def _boxes(box: boxes.Box, place: Place) -> Iterator[tuple[boxes.Box, str, Place]]:
    """The outermost boxes of regions below ``box``, with their labels."""
    for child in getattr(box, "children", ()):
        here = place
        if isinstance(child, boxes.MarginBox):
            here = Place.HEAD if child.at_keyword.startswith("@top") else Place.FOOT
            if said := " ".join(_lines(child)):
                label = "header" if here is Place.HEAD else "footer"
                yield child, "number" if any(c.isdigit() for c in said) else label, here
            continue
        if isinstance(child, boxes.FootnoteAreaBox):
            here = Place.FOOT
        own = child.element.get("data-region") if child.element is not None else None
        if own and not isinstance(child, boxes.TextBox):
            yield child, own, here
        else:
            yield from _boxes(child, here)


def _of(box: boxes.Box, kind: type) -> Iterator[boxes.Box]:
    """Boxes of a kind at or below ``box``."""
    if isinstance(box, kind):
        yield box
    else:
        for child in getattr(box, "children", ()):
            yield from _of(child, kind)


def _cells(row: boxes.Box) -> list[str]:
    return [" ".join(_lines(cell)) for cell in _of(row, boxes.TableCellBox)]


def _lines(box: boxes.Box) -> list[str]:
    """The text of the lines in ``box``."""
    lines = list(_of(box, boxes.LineBox)) or [box]
    said = ("".join(t.text for t in _of(line, boxes.TextBox)).strip() for line in lines)
    return [line for line in said if line]


def _extent(box: boxes.Box, scale: float) -> tuple[float, float, float, float]:
    """Where a region's box is in pixels.

    A paragraph beside a float reaches below it; what counts is its text, list marker and all.
    """
    parts = [] if _bordered(box) else list(_of(box, boxes.TextBox))
    if parts:
        edges = [(t.position_x, t.position_y, t.width, t.height) for t in parts]
    else:
        edges = [(box.border_box_x(), box.border_box_y(), box.border_width(), box.border_height())]
    left, top = min(e[0] for e in edges), min(e[1] for e in edges)
    right, bottom = max(e[0] + e[2] for e in edges), max(e[1] + e[3] for e in edges)
    return left * scale, top * scale, right * scale, bottom * scale


def _bordered(box: boxes.Box) -> bool:
    return box.element is not None and box.element.get("data-region") in {"table", "algorithm"}


def _tight(
    image: Image.Image, extent: tuple[float, float, float, float], *, whole: bool
) -> Box | None:
    """``extent`` cut to the page and, unless ``whole``, to what is not its commonest colour."""
    x0, y0 = max(0, round(extent[0])), max(0, round(extent[1]))
    x1, y1 = min(image.width, round(extent[2])), min(image.height, round(extent[3]))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    if whole:
        return x0, y0, x1, y1
    pixels = np.asarray(image.crop((x0, y0, x1, y1))).astype(np.int16)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    ink = np.abs(pixels - colours[counts.argmax()]).max(2) > FAR
    if not ink.any():
        return None
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (
        x0 + int(columns[0]),
        y0 + int(rows[0]),
        x0 + int(columns[-1]) + 1,
        y0 + int(rows[-1]) + 1,
    )
