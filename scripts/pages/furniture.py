# SPDX-License-Identifier: Apache-2.0
"""What stands around the text: running heads and feet, numbers, notes, logos, seals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from pages.faces import font, glyphs
from pages.figures import ink_of
from pages.prose import Setting, text, wrap, write
from pages.sheet import Place
from pages.style import Column
from pages.words import date

if TYPE_CHECKING:
    from pages.sheet import Colour
    from pages.style import Pen


def line(pen: Pen, label: str, words: list[str], column: Column, setting: Setting) -> None:
    """One line as a region, cut at the column's width."""
    with pen.sheet.region(label) as region:
        write(pen, region, wrap(words, setting, column.width)[:1], column, setting)


def _page_number(pen: Pen) -> str:
    n = pen.rng.randint(1, 600)
    return pen.rng.choice(
        ("{}", "{}", "{}", "- {} -", "Page {}", "p. {}", "{} / 612", "A-{}", "[{}]")
    ).format(n)


def head_and_foot(pen: Pen, margins: tuple[float, float, float, float]) -> None:
    """Running head and foot: words, a page number at either end or in the middle, a rule."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    left, top, right, bottom = margins
    face = (
        rng.choice((s.family.regular, s.family.regular, s.family.italic)),
        s.scaled(rng.choice((0.75, 0.85, 1))),
    )
    width = right - left
    numbered_at = rng.choice(("head", "foot", "foot", "foot", None))
    inside = rng.random() < 0.5
    for where, place in (("head", Place.HEAD), ("foot", Place.FOOT)):
        sheet.place = place
        words = rng.random() < (0.55 if where == "head" else 0.3)
        number = numbered_at == where
        y = (
            top * rng.uniform(0.35, 0.6)
            if where == "head"
            else bottom + (sheet.height - bottom) * rng.uniform(0.25, 0.6)
        )
        label = "header" if where == "head" else "footer"
        plan: list[tuple[str, list[str], str]] = []
        if words:
            align = (
                "centre"
                if not number and rng.random() < 0.4
                else ("right" if number and inside else "left")
            )
            plan.append(
                (label, pen.topic.title(rng.randint(1, 6), capitals=rng.random() < 0.2), align)
            )
            if not number and align == "left" and rng.random() < 0.4:
                plan.append((label, rng.choice((pen.topic.title(2), date(rng).split())), "right"))
        if number:
            align = (
                ("left" if inside else "right")
                if words
                else rng.choice(("centre", "centre", "left", "right"))
            )
            plan.append(("number", _page_number(pen).split(), align))
        for name, said, align in sorted(
            plan, key=lambda p: ("left", "centre", "right").index(p[2])
        ):
            setting = Setting(face, s.ink, 1.2, align)
            room = width * (0.45 if len(plan) > 1 else 1)
            x = right - room if align == "right" else left
            line(pen, name, said, Column(x, y, room, sheet.height), setting)
        if plan and rng.random() < 0.3:
            rule = y + face[1] * 1.5 if where == "head" else y - face[1] * 0.4
            sheet.fill((left, rule, right, rule + 1), s.ink)
    sheet.place = Place.BODY


def logo(pen: Pen, x: float, y: float, height: float, label: str) -> float:
    """A mark of an organisation; its width."""
    rng = pen.rng
    colour: Colour = tuple(rng.randint(0, 190) for _ in range(3))  # type: ignore[assignment]
    side = max(8, int(height))
    name = pen.topic.title(1, capitals=True)[0][:8] if rng.random() < 0.6 else ""
    face = font(pen.style.heading_family.bold, max(8, int(side * 0.5)))
    width = side + (int(face.getlength(name)) + 6 if name else 1)
    image = Image.new("RGB", (width, side + 1), pen.sheet.paper)
    draw = ImageDraw.Draw(image)
    shape = rng.choice(("disc", "square", "ring", "triangle"))
    box = (0, 0, side - 1, side - 1)
    if shape == "disc":
        draw.ellipse(box, fill=colour)
        draw.line((side * 0.2, side * 0.7, side * 0.8, side * 0.3), fill=pen.sheet.paper, width=2)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
        draw.ellipse((side * 0.25, side * 0.25, side * 0.75, side * 0.75), fill=pen.sheet.paper)
    elif shape == "ring":
        draw.ellipse(box, outline=colour, width=max(2, side // 6))
    else:
        draw.polygon((0, side - 1, side / 2, 0, side - 1, side - 1), fill=colour)
    draw.text((side + 5, side / 2), name, font=face, fill=colour, anchor="lm")
    with pen.sheet.region(label):
        pen.sheet.picture(image, x, y, ink_of(image, pen.sheet.paper))
    return float(width)


def footnotes(pen: Pen, column: Column) -> None:
    """One to three notes at the column's foot, below a short rule; the column ends above them."""
    rng, s = pen.rng, pen.style
    setting = Setting(
        (s.family.regular, s.scaled(0.8)), s.ink, 1.2, "left", first=s.size * rng.choice((0.0, 1.0))
    )
    notes = [
        wrap(
            [
                rng.choice(("{}", "{}.", "[{}]")).format(i + 1),
                *pen.topic.words(rng.choice((4, 8, 12, 20, 30))),
            ],
            setting,
            column.width,
        )
        for i in range(rng.choice((1, 1, 2, 3)))
    ]
    height = sum(len(n) for n in notes) * setting.line + s.size
    if height > 0.4 * column.height:
        return
    column.bottom -= height + s.size * 0.5
    below = Column(column.x, column.bottom + s.size, column.width, pen.sheet.height)
    if rng.random() < 0.8:
        pen.sheet.fill(
            (
                column.x,
                below.y - s.size * 0.4,
                column.x + column.width * 0.35,
                below.y - s.size * 0.4 + 1,
            ),
            s.ink,
        )
    for lines in notes:
        with pen.sheet.region("footnote") as region:
            write(pen, region, lines, below, setting)


def margin_note(pen: Pen, left: float, top: float, width: float) -> None:
    """A few small lines beside the text."""
    s = pen.style
    setting = Setting((s.family.italic, s.scaled(0.75)), s.ink, 1.15, "left")
    column = Column(left, top, width, pen.sheet.height * 0.9)
    text(pen, column, setting, pen.rng.randint(2, 7), "aside_text")


def upright(pen: Pen, at: tuple[float, float], label: str, words: list[str], scale: float) -> None:
    """A line that is turned by a quarter, read upwards; ``at`` is its upper left corner."""
    x, y = at
    s = pen.style
    face = (s.family.regular, s.scaled(scale))
    said = " ".join(words)
    drawn = glyphs(*face, said)
    if drawn.mask is None:
        return
    mask = drawn.mask.transpose(Image.Transpose.ROTATE_90)
    if y + mask.height > pen.sheet.height - 4:
        return
    with pen.sheet.region(label) as region:
        pen.sheet.picture(Image.new("RGB", mask.size, s.ink), x, y, mask)
        region.lines.append(said)


def seal(pen: Pen, x: float, y: float, side: int) -> None:
    """A round or square stamp in red or blue, over whatever lies there."""
    rng = pen.rng
    ink: Colour = rng.choice(((200, 20, 30), (210, 40, 40), (190, 30, 60), (30, 50, 150)))
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    face = font(pen.style.heading_family.bold, max(6, side // 9))
    name = " ".join(pen.topic.title(3, capitals=True))[:22]
    edge = (1, 1, side - 2, side - 2)
    if rng.random() < 0.75:
        draw.ellipse(edge, outline=255, width=max(2, side // 30))
        if rng.random() < 0.5:
            draw.ellipse((side * 0.07, side * 0.07, side * 0.93, side * 0.93), outline=255)
        for i, letter in enumerate(name):
            angle = math.pi * (1.15 + 1.7 * (i + 0.5) / len(name) * 0.4 * math.pi / 2)
            at = (
                side / 2 + side * 0.36 * math.cos(angle),
                side / 2 + side * 0.36 * math.sin(angle),
            )
            draw.text(at, letter, font=face, fill=255, anchor="mm")
        if rng.random() < 0.6:
            points = []
            for k in range(10):
                r = side * (0.16 if k % 2 == 0 else 0.065)
                points.append(
                    (
                        side / 2 + r * math.sin(k * math.pi / 5),
                        side / 2 - r * math.cos(k * math.pi / 5),
                    )
                )
            draw.polygon(points, fill=255)
        draw.text((side / 2, side * 0.76), date(rng)[:12], font=face, fill=255, anchor="mm")
    else:
        draw.rectangle(edge, outline=255, width=max(2, side // 20))
        half = name.split()[:3]
        for i, word in enumerate(half):
            draw.text(
                (side / 2, side * (0.25 + 0.25 * i)), word[:7], font=face, fill=255, anchor="mm"
            )
    mask = mask.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR, fillcolor=0)
    strength = rng.uniform(0.6, 1)
    mask = mask.point([int(v * strength) if v > 60 else 0 for v in range(256)])
    with pen.sheet.region("seal") as region:
        region.lines.append(name)
        pen.sheet.picture(Image.new("RGB", mask.size, ink), x, y, mask)
