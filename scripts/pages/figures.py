# SPDX-License-Identifier: Apache-2.0
"""Pictures that are not text: photographs of a sort, drawings, diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from pages.faces import font

if TYPE_CHECKING:
    import random

    from pages.sheet import Colour
    from pages.style import Column, Pen


def photograph(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """Soft patches of colour with a horizon and some dark shapes; grey in half of the cases."""
    noise = np.random.default_rng(rng.getrandbits(32))
    cells = (max(2, size[1] // 24), max(2, size[0] // 24), 3)
    low = noise.normal(rng.uniform(70, 190), rng.uniform(25, 60), cells)
    low += (
        noise.normal(0, 25, (1, 1, 3))
        + np.linspace(rng.uniform(-60, 60), rng.uniform(-60, 60), cells[0])[:, None, None]
    )
    if rng.random() < 0.5:
        low[:] = low.mean(axis=2, keepdims=True)
    image = Image.fromarray(low.clip(0, 255).astype(np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(0, 7)):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        w, h = rng.randint(4, max(5, size[0] // 2)), rng.randint(4, max(5, size[1] // 2))
        v = rng.randrange(256)
        shape = rng.choice((draw.ellipse, draw.rectangle))
        shape(
            (x - w // 2, y - h // 2, x + w // 2, y + h // 2),
            fill=(v, v * 3 // 4 + rng.randrange(60), v),
        )
    return image


def drawing(rng: random.Random, size: tuple[int, int], paper: Colour) -> Image.Image:
    """Curves and outlines in black."""
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    w, h = size[0] - 1, size[1] - 1
    draw.line((0, rng.randint(0, h), w, rng.randint(0, h)), fill=0, width=rng.choice((1, 2)))
    draw.line((rng.randint(0, w), 0, rng.randint(0, w), h), fill=0, width=1)
    for _ in range(rng.randint(5, 25)):
        box = (
            sorted((rng.randint(0, w), rng.randint(0, w))),
            sorted((rng.randint(0, h), rng.randint(0, h))),
        )
        (x0, x1), (y0, y1) = box
        pick = rng.random()
        if pick < 0.3:
            draw.arc(
                (x0, y0, x1, y1),
                rng.randrange(360),
                rng.randrange(360),
                fill=0,
                width=rng.choice((1, 2)),
            )
        elif pick < 0.5:
            draw.ellipse((x0, y0, x1, y1), outline=0)
        elif pick < 0.7:
            points = [(rng.randint(x0, x1), rng.randint(y0, y1)) for _ in range(rng.randint(3, 8))]
            draw.line(points, fill=0, width=1)
        else:
            for x in range(x0, x1, rng.randint(3, 9)):
                draw.line((x, y0, min(x1, x + (y1 - y0) // 2), y1), fill=(60, 60, 60))
    return image


def diagram(pen: Pen, size: tuple[int, int]) -> Image.Image:
    """Boxes with words in them, joined by lines."""
    rng = pen.rng
    image = Image.new("RGB", size, pen.sheet.paper)
    draw = ImageDraw.Draw(image)
    across, down = rng.randint(2, 4), rng.randint(2, 4)
    face = font(
        pen.style.family.regular, max(6, min(pen.style.scaled(0.85), size[1] // (down * 4)))
    )
    fill = rng.choice((pen.sheet.paper, (225, 235, 245), (245, 235, 215), (230, 230, 230)))
    w, h = size[0] / across, size[1] / down
    middles: list[tuple[float, float]] = []
    for i in range(across * down):
        if rng.random() < 0.25 and 0 < i < across * down - 1:
            continue
        x, y = (i % across) * w, (i // across) * h
        box = (
            x + w * 0.12 * (i % across > 0),
            y + h * 0.2 * (i // across > 0),
            x + w * 0.9,
            y + h * 0.8,
        )
        if i == across * down - 1:
            box = (*box[:2], size[0] - 1, size[1] - 1)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        if middles:
            draw.line(
                (*rng.choice(middles[-2:]), *middle), fill=pen.style.ink, width=rng.choice((1, 2))
            )
        middles.append(middle)
        outline = rng.choice((draw.rectangle, draw.rectangle, draw.ellipse))
        outline(box, fill=fill, outline=pen.style.ink)
        draw.text(
            middle,
            pen.topic.cell()[: max(2, int(w / face.size * 1.4))],
            font=face,
            fill=pen.style.ink,
            anchor="mm",
        )
    return image


def _paint(pen: Pen, size: tuple[int, int]) -> Image.Image:
    kind = pen.rng.random()
    if kind < 0.5:
        image = photograph(pen.rng, size)
        if pen.rng.random() < 0.3:
            ImageDraw.Draw(image).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=pen.style.ink)
        return image
    return drawing(pen.rng, size, pen.sheet.paper) if kind < 0.7 else diagram(pen, size)


def room_for(pen: Pen, column: Column) -> tuple[int, int, float] | None:
    """Width, height and left edge for a picture, or nothing if there is too little room."""
    rng = pen.rng
    width = column.width if rng.random() < 0.5 else column.width * rng.uniform(0.45, 1)
    height = min(
        width * rng.uniform(0.35, 0.95), column.height - 3 * pen.style.line, pen.sheet.height * 0.4
    )
    if height < 40 or width < 60:
        return None
    left = column.x + rng.choice((0.0, (column.width - width) / 2, (column.width - width) / 2))
    return int(width), int(height), left


def picture(pen: Pen, column: Column, label: str = "image") -> bool:
    """A picture; its box is that of its own ink."""
    room = room_for(pen, column)
    if room is None:
        return False
    width, height, left = room
    image = _paint(pen, (width, height))
    with pen.sheet.region(label):
        pen.sheet.picture(image, left, column.y, ink_of(image, pen.sheet.paper))
    column.y += height + pen.style.size * pen.rng.uniform(0.4, 1.0)
    return True


def ink_of(image: Image.Image, paper: Colour) -> Image.Image:
    """A mask of what is not paper, as one rectangle, so that holes stay holes."""
    box = ImageChops.difference(image, Image.new("RGB", image.size, paper)).getbbox()
    mask = Image.new("L", image.size, 0)
    if box:
        mask.paste(255, box)
    return mask
