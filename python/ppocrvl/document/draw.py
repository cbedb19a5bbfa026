# SPDX-License-Identifier: Apache-2.0
"""A page with its blocks drawn on it: outline, place in the order, label."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block

_COLOURS = (
    ("table", (0, 140, 60)),
    ("chart", (0, 140, 60)),
    ("formula", (200, 90, 0)),
    ("title", (190, 0, 60)),
    ("image", (120, 60, 200)),
    ("seal", (120, 60, 200)),
    ("header", (120, 120, 120)),
    ("foot", (120, 120, 120)),
    ("number", (120, 120, 120)),
)
_USUAL = (0, 90, 200)
"""Colours by a part of the label; the first that fits."""
_FILL = 28
"""Opacity of what is within an outline, of 255."""


def colour_of(label: str) -> tuple[int, int, int]:
    """Red, green and blue of a label's blocks, dark enough for white letters on it."""
    return next((colour for part, colour in _COLOURS if part in label), _USUAL)


def draw_blocks(page: Image.Image, blocks: Sequence[Block]) -> Image.Image:
    """A copy of the page, RGB, with the blocks on it.

    Args:
        page: of the size that the blocks' places refer to.
        blocks: in any order; a number counts from 1.
    """
    size = max(11, round(min(page.size) / 70))
    font = ImageFont.load_default(size)
    veil = Image.new("RGBA", page.size)
    draw = ImageDraw.Draw(veil)
    for block in blocks:
        colour = colour_of(block.label)
        outline = [(x, y) for x, y in block.polygon] or _corners(block)
        draw.polygon(outline, (*colour, _FILL), (*colour, 255), max(1, size // 7))
    for block in blocks:  # above all outlines
        text = f"{block.index + 1} {block.label}"
        x, y = block.box[0], max(0, block.box[1] - size - 4)
        left, top, right, bottom = draw.textbbox((x + 3, y + 1), text, font)
        draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), (*colour_of(block.label), 255))
        draw.text((x + 3, y + 1), text, "white", font)
    drawn = page.convert("RGB")
    drawn.paste(veil, (0, 0), veil)
    return drawn


def drawn_page(image: bytes, size: tuple[int, int], blocks: Sequence[Block]) -> bytes:
    """The same as a JPEG file.

    Args:
        image: the page as a file.
        size: (width, height) that the blocks' places refer to.
        blocks: of the page.
    """
    with Image.open(BytesIO(image)) as page:
        whole = page if page.size == size else page.resize(size)
        drawn = draw_blocks(whole, blocks)
    out = BytesIO()
    drawn.save(out, "JPEG", quality=85)
    return out.getvalue()


def _corners(block: Block) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = block.box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
