# SPDX-License-Identifier: Apache-2.0
"""What a perfect parser makes of a page: its blocks, and the words that it holds in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.labels import UNTRAINED
from pages.prose import BULLETS
from ppocrvl.document.document import Document
from ppocrvl.document.types import Block, BlockLine, PageData
from ppocrvl.document.writers.written import FURNITURE
from ppocrvl.markup.otsl import otsl_to_html
from ppocrvl.parsing.page_order import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pages.maker import Page
    from pages.sheet import Region

UNREAD = frozenset(("image", "header_image", "footer_image", "chart", "seal"))
"""Labels that the pipeline does not read unless it is asked to."""
POINTS_PER_INCH = 72


def told(page: Page) -> list[Region]:
    """The regions that a layout model is to find, in reading order."""
    return [region for region in page.regions if region.label not in UNTRAINED]


def answer(region: Region) -> str:
    """What a model answers that errs nowhere: a table in OTSL, a formula in LaTeX, else lines."""
    if region.label in UNREAD:
        return ""
    if region.cells is not None:
        rows = ("".join(f"<fcel>{cell}" if cell else "<ecel>" for cell in r) for r in region.cells)
        return "".join(f"{row}<nl>" for row in rows)
    return "\n".join(region.lines) if region.latex is None else region.latex


def document(name: str, pages: Sequence[Page]) -> Document:
    """The document, as `ppocrvl parse` gives it; levels of headings are not known."""
    return Document.of(name, len(pages), (_page(page, i) for i, page in enumerate(pages)))


def _page(page: Page, index: int) -> PageData:
    blocks = [_block(region, i, page.dpi) for i, region in enumerate(told(page))]
    width, height = page.image.size
    return PageData(index, width, height, page.dpi, blocks=numbered(blocks))


def _block(region: Region, index: int, dpi: float) -> Block:
    assert region.box is not None
    x0, y0, x1, y1 = region.box
    text = answer(region)
    html = otsl_to_html(text) if region.cells is not None else None
    a, b, c, d = (side * POINTS_PER_INCH / dpi for side in region.box)
    return Block(
        index=index,
        label=region.label,
        box=region.box,
        box_points=(a, b, c, d),
        polygon=((x0, y0), (x1, y0), (x1, y1), (x0, y1)),
        text=html or text,
        html=html,
        latex=region.latex,
        level=0 if region.label == "doc_title" else None,
        lines=tuple(BlockLine(line, 1.0, 1.0) for line in (region.lines if text else [])),
        confidence=1.0,
        min_confidence=1.0,
        finish_reason="stop" if text else "",
        source="model" if text else "none",
        attempts=int(bool(text)),
    )


def words(page: Page, leave_out: frozenset[str] = FURNITURE) -> str:
    """All that is to be read, on one line: footnotes last, a formula's number after it.

    No code that writes documents has a part in it. The signs before items of a list are left out,
    as Markdown has a sign of its own.
    """
    regions = [region for region in told(page) if region.label not in leave_out]
    notes = [region for region in regions if region.label == "footnote"]
    said = (_words(one) for one in (*(r for r in regions if r.label != "footnote"), *notes))
    return " ".join(" ".join(said).split())


def _words(region: Region) -> str:
    if region.label in UNREAD:
        return ""
    if region.cells is not None:
        return " ".join(cell for row in region.cells for cell in row)
    if region.latex is not None:
        return region.latex
    text = " ".join(region.lines).replace(r"\(", "").replace(r"\)", "")
    sign, _, rest = text.partition(" ")
    return rest if sign in tuple(BULLETS) else text
