# SPDX-License-Identifier: Apache-2.0
"""Regions drawn on their page, so that a person sees at a glance what was understood."""

from __future__ import annotations

import colorsys
import zlib
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from ppocrvl.exporter.layout.official import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.layout.region import Point, Region

    _Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_HUE_STEP = 47
"""Degrees between the hues of two classes in a row: prime to 360, so that all differ."""
_TINT = 40
"""Of 255, how much of the colour lies on the page."""


def drawn(image: Image.Image, regions: Sequence[Region]) -> Image.Image:
    """A copy of the page with its regions.

    Each has its polygon in the colour of its class, with a tint; class and score above it; and its
    number in the reading order, counted from 1, in the middle. A line joins the numbers.

    Args:
        image: the upright page.
        regions: of this page.

    Returns:
        A Pillow image of mode RGB.
    """
    base = image.convert("RGB")
    over = Image.new("RGBA", base.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(over)
    size = max(12, round(min(base.size) / 55))
    width = max(2, size // 8)
    for region in regions:
        colour = _colour(region.label)
        draw.polygon(region.polygon, fill=(*colour, _TINT))
        draw.line([*region.polygon, region.polygon[0]], fill=(*colour, 255), width=width)
    ordered = sorted(regions, key=lambda region: region.order)
    _draw_order(draw, [_middle(region) for region in ordered], width)
    font = ImageFont.load_default(size)
    for region in ordered:
        _draw_name(draw, region, font)
        _draw_number(draw, region, font, size)
    base.paste(over, mask=over)
    return base


def _draw_order(draw: ImageDraw.ImageDraw, points: list[Point], width: int) -> None:
    if len(points) > 1:
        draw.line(points, fill=(220, 0, 90, 170), width=width, joint="curve")


def _draw_name(draw: ImageDraw.ImageDraw, region: Region, font: _Font) -> None:
    x0, y0 = region.box[:2]
    text = f"{region.label} {region.score:.2f}"
    left, top, right, bottom = draw.textbbox((x0, y0), text, font, anchor="lb")
    if top < 0:  # there is no room above
        left, top, right, bottom = draw.textbbox((x0, y0), text, font, anchor="lt")
    draw.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=(*_colour(region.label), 230))
    draw.text((left, top), text, (255, 255, 255, 255), font, anchor="lt")


def _draw_number(draw: ImageDraw.ImageDraw, region: Region, font: _Font, size: int) -> None:
    x, y = _middle(region)
    radius = size * 0.8
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(220, 0, 90, 220))
    draw.text((x, y), str(region.order + 1), (255, 255, 255, 255), font, anchor="mm")


def _middle(region: Region) -> Point:
    x0, y0, x1, y1 = region.box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _colour(label: str) -> tuple[int, int, int]:
    place = LABELS.index(label) if label in LABELS else zlib.crc32(label.encode())
    shares = colorsys.hsv_to_rgb(place * _HUE_STEP % 360 / 360, 0.9, 0.66)
    red, green, blue = (round(255 * share) for share in shares)
    return red, green, blue
