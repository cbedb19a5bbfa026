# SPDX-License-Identifier: Apache-2.0
"""Outlines drawn on a page, so that a person sees at a glance what was understood."""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

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
    ("text", (0, 90, 200)),
)
"""Colours by a part of the label; the first that fits."""
_ORDER = (220, 0, 90)
_TINT = 40
"""Of 255, how much of the colour lies on the page."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of a page that is drawn.

    Attributes:
        polygon: its corners in pixels of the page, at least two.
        box: (x0, y0, x1, y1) in pixels.
        label: its class, which decides its colour.
        number: its place in the reading order, from 1.
        note: what stands behind the label.
    """

    polygon: Sequence[tuple[float, float]]
    box: tuple[int, int, int, int]
    label: str
    number: int
    note: str = ""

    @property
    def middle(self) -> tuple[float, float]:
        """Where its number stands."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


def colour_of(label: str) -> tuple[int, int, int]:
    """Red, green and blue of a class, dark enough for white letters on it."""
    known = next((colour for part, colour in _COLOURS if part in label), None)
    if known is not None:
        return known
    shares = colorsys.hsv_to_rgb(zlib.crc32(label.encode()) % 360 / 360, 0.9, 0.55)
    red, green, blue = (round(255 * share) for share in shares)
    return red, green, blue


def draw_outlines(page: Image.Image, outlines: Sequence[Outline]) -> Image.Image:
    """A copy of the page with outlines on it.

    Each has its polygon in the colour of its class, with a tint; its label above it; and its number
    in the middle. A line joins the numbers.

    Args:
        page: of the size that the outlines' places refer to.
        outlines: in any order.

    Returns:
        A Pillow image of mode RGB.
    """
    drawn = page.convert("RGB")
    over = Image.new("RGBA", drawn.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(over)
    size = max(11, round(min(drawn.size) / 60))
    width = max(2, size // 8)
    for outline in outlines:
        colour = colour_of(outline.label)
        draw.polygon(outline.polygon, fill=(*colour, _TINT))
        draw.line([*outline.polygon, outline.polygon[0]], fill=(*colour, 255), width=width)
    ordered = sorted(outlines, key=lambda outline: outline.number)
    if len(ordered) > 1:
        points = [outline.middle for outline in ordered]
        draw.line(points, fill=(*_ORDER, 170), width=width, joint="curve")
    font = ImageFont.load_default(size)
    for outline in ordered:  # above all that went before
        _draw_label(draw, outline, font)
        _draw_number(draw, outline, font, 0.8 * size)
    drawn.paste(over, mask=over)
    return drawn


def _draw_label(draw: ImageDraw.ImageDraw, outline: Outline, font: _Font) -> None:
    x0, y0 = outline.box[:2]
    text = f"{outline.label} {outline.note}".rstrip()
    left, top, right, bottom = draw.textbbox((x0, y0), text, font, anchor="lb")
    if top < 0:  # there is no room above
        left, top, right, bottom = draw.textbbox((x0, y0), text, font, anchor="lt")
    draw.rectangle((left - 2, top - 1, right + 2, bottom + 1), (*colour_of(outline.label), 230))
    draw.text((left, top), text, (255, 255, 255, 255), font, anchor="lt")


def _draw_number(draw: ImageDraw.ImageDraw, outline: Outline, font: _Font, radius: float) -> None:
    x, y = outline.middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*_ORDER, 220))
    draw.text((x, y), str(outline.number), (255, 255, 255, 255), font, anchor="mm")
