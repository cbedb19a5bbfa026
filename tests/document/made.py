# SPDX-License-Identifier: Apache-2.0
"""Documents as parsing gives them, made by hand."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from ppocrvl.document.document import Document
from ppocrvl.document.types import Block, BlockLine, PageData, Picture


def block(index: int, label: str, text: str = "", **values: Any) -> Block:
    y = 40 * index
    usual: dict[str, Any] = {"source": "model", "finish_reason": "stop", "attempts": 1}
    usual |= {"confidence": 0.99, **values}
    return Block(
        index,
        label,
        (10, y, 190, y + 36),
        (5.0, y / 2, 95.0, y / 2 + 18),
        ((10.0, y), (190.0, y), (190.0, y + 36.0), (10.0, y + 36.0)),
        text=text,
        **usual,
    )


def table(index: int, html: str, label: str = "table", **values: Any) -> Block:
    return block(index, label, values.pop("text", html), html=html, **values)


def page(*blocks: Block, index: int = 0, **values: Any) -> PageData:
    return PageData(index, 200, 400, 144.0, blocks=blocks, **values)


def document(*blocks: Block, **values: Any) -> Document:
    """Of one page."""
    return Document.of("paper.pdf", 1, [page(*blocks, **values)])


def picture(name: str = "page-1-image-1.jpg", size: tuple[int, int] = (20, 10)) -> Picture:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, "JPEG")
    return Picture(name, out.getvalue(), *size)


def line(text: str, confidence: float = 0.99) -> BlockLine:
    return BlockLine(text, confidence, confidence / 2, (10, 0, 190, 10))


def two_pages() -> Document:
    """Something of everything."""
    spans = '<table><tr><td colspan="2">Both</td></tr><tr><td>1</td><td>2 &lt; 3</td></tr></table>'
    plain = "<table><tr><td>Name</td><td>Price</td></tr><tr><td>Nut</td><td>$2 \\(x|y\\)</td></tr>"
    chart = "Year|Sales\n2025|10\n2026|20"
    first = page(
        block(0, "header", "Journal of Examples"),
        block(1, "doc_title", "On Cats\nand Dogs", order=1, level=0),
        block(2, "abstract", "Abstract We look at cats.", order=2),
        block(3, "paragraph_title", "1. Intro-\nduction", order=3, level=1),
        block(
            4,
            "text",
            "Cats cost $5 and weigh \\(m = 4\\,kg\\).\nThey are",
            order=4,
            lines=(line("Cats cost $5 and weigh \\(m = 4\\,kg\\)."), line("They are", 0.6)),
        ),
        block(5, "image", source="none", pictures=(picture(),), finish_reason="", attempts=0),
        block(6, "figure_title", "Figure 1: a cat"),
        block(7, "footnote", "1 Not all of them."),
        block(8, "number", "17"),
    )
    second = page(
        block(0, "text", "animals.", order=1, joins_previous=True),
        block(1, "text", "• they purr\n• they sleep\nall day", order=2),
        block(2, "display_formula", "E = mc^2", latex="E = mc^2", order=3),
        block(3, "formula_number", "(3)", order=4),
        table(4, plain + "</table>"),
        table(5, spans),
        table(6, "<table><tr><th>Year</th></tr></table>", "chart", text=chart),
        block(7, "algorithm", "for cat in cats:\n    feed(cat)", order=5),
        block(8, "content", "1 Introduction ... 1\n2 Dogs ... 7", order=6),
        block(9, "text", error="the engine failed", finish_reason="error", source="none"),
        block(10, "vision_footnote", "Source: us."),
        block(11, "reference_content", "[1] A. Cat: Purring. 2026.", order=7),
        index=1,
        image=picture("page-2.jpg", (200, 400)),
        notes=("rendered at 96 dpi instead of 144: the page is large",),
    )
    return Document.of("paper.pdf", 4, [first, second, page(index=3, error="page 4 is missing")])
