# SPDX-License-Identifier: Apache-2.0
"""Bar, line, scatter and pie charts with axes, ticks, names and a legend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from pages.faces import font
from pages.figures import ink_of, room_for

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

    from pages.sheet import Colour
    from pages.style import Column, Pen

PALETTES: tuple[tuple[Colour, ...], ...] = (
    ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40)),
    ((60, 60, 60), (130, 130, 130), (180, 180, 180), (215, 215, 215)),
    ((68, 114, 196), (237, 125, 49), (165, 165, 165), (255, 192, 0)),
    ((0, 0, 0), (0, 0, 0), (90, 90, 90), (90, 90, 90)),
)
Plot = tuple[float, float, float, float]


def _axes(pen: Pen, draw: ImageDraw.ImageDraw, plot: Plot, face: FreeTypeFont) -> None:
    rng, ink = pen.rng, pen.style.ink
    x0, y0, x1, y1 = plot
    if rng.random() < 0.4:
        draw.rectangle(plot, outline=ink)
    draw.line((x0, y0, x0, y1, x1, y1), fill=ink)
    grid = rng.random() < 0.5
    top = rng.choice((1, 5, 10, 50, 100, 1000))
    ticks = rng.randint(3, 7)
    for i in range(ticks + 1):
        y = y1 - (y1 - y0) * i / ticks
        if grid:
            draw.line((x0 + 1, y, x1, y), fill=(215, 215, 215))
        draw.line((x0 - 3, y, x0, y), fill=ink)
        draw.text((x0 - 4, y), f"{top * i / ticks:g}"[:5], font=face, fill=ink, anchor="rm")
    names = rng.randint(3, 6)
    words = rng.random() < 0.5
    for i in range(names):
        x = x0 + (x1 - x0) * (i + 0.5) / names
        said = pen.topic.word()[:6] if words else str(1990 + 5 * i)
        draw.text((x, y1 + 3), said, font=face, fill=ink, anchor="ma")


def _series(pen: Pen, draw: ImageDraw.ImageDraw, plot: Plot, colours: tuple[Colour, ...]) -> None:
    rng = pen.rng
    x0, y0, x1, y1 = plot
    kind = rng.choice(("bars", "bars", "lines", "lines", "points"))
    count, series = rng.randint(4, 12), rng.randint(1, 3)
    for k in range(series):
        level = rng.uniform(0.2, 0.8)
        heights = [min(0.98, max(0.02, level + rng.uniform(-0.2, 0.2))) for _ in range(count)]
        xs = [x0 + (x1 - x0) * (i + 0.5) / count for i in range(count)]
        ys = [y1 - (y1 - y0) * h for h in heights]
        if kind == "bars":
            wide = (x1 - x0) / count * 0.8 / series
            for x, y in zip(xs, ys, strict=True):
                left = x + wide * (k - series / 2)
                draw.rectangle((left, y, left + wide - 1, y1), fill=colours[k])
        elif kind == "lines":
            draw.line(list(zip(xs, ys, strict=True)), fill=colours[k], width=rng.choice((1, 2, 2)))
        else:
            for _ in range(count * 4):
                x, y = (
                    rng.uniform(x0, x1),
                    y1 - (y1 - y0) * min(0.98, max(0.02, rng.gauss(level, 0.15))),
                )
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colours[k])


def _pie(
    pen: Pen,
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    face: FreeTypeFont,
    colours: tuple[Colour, ...],
) -> None:
    rng = pen.rng
    r = min(size) * 0.45
    cx, cy = size[0] * 0.35, size[1] / 2
    cuts = sorted(rng.uniform(0, 360) for _ in range(rng.randint(3, 6)))
    for i, (a, b) in enumerate(zip(cuts, [*cuts[1:], cuts[0] + 360], strict=True)):
        colour = colours[i % len(colours)]
        draw.pieslice((cx - r, cy - r, cx + r, cy + r), a, b, fill=colour, outline=pen.sheet.paper)
        angle = math.radians((a + b) / 2)
        draw.text(
            (cx + r * 0.6 * math.cos(angle), cy + r * 0.6 * math.sin(angle)),
            f"{(b - a) / 3.6:.0f}%",
            font=face,
            fill=(255, 255, 255),
            anchor="mm",
        )
        y = size[1] * (0.2 + 0.12 * i)
        draw.rectangle((size[0] * 0.75, y, size[0] * 0.75 + 6, y + 6), fill=colour)
        draw.text(
            (size[0] * 0.75 + 10, y + 3),
            pen.topic.word()[:8],
            font=face,
            fill=pen.style.ink,
            anchor="lm",
        )


def chart(pen: Pen, column: Column) -> bool:
    """A chart; axis labels and legend belong to its region."""
    room = room_for(pen, column)
    if room is None:
        return False
    width, height, left = room
    image = Image.new("RGB", (width, height), pen.sheet.paper)
    draw = ImageDraw.Draw(image)
    face = font(pen.style.family.regular, max(6, min(pen.style.scaled(0.75), height // 10)))
    colours = pen.rng.choice(PALETTES)
    if pen.rng.random() < 0.2:
        _pie(pen, draw, (width, height), face, colours)
    else:
        plot = (face.size * 3.2, face.size * 1.5, width - face.size, height - face.size * 2)
        _axes(pen, draw, plot, face)
        _series(pen, draw, plot, colours)
        if pen.rng.random() < 0.4:
            draw.text(
                (width / 2, 0),
                " ".join(pen.topic.title(3))[:30],
                font=face,
                fill=pen.style.ink,
                anchor="ma",
            )
    with pen.sheet.region("chart"):
        pen.sheet.picture(image, left, column.y, ink_of(image, pen.sheet.paper))
    column.y += height + pen.style.size * pen.rng.uniform(0.4, 1.0)
    return True
