# SPDX-License-Identifier: Apache-2.0
"""Templates of what is printed and bound: papers, manuals, books, magazines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import flow, furniture, matter
from pages.prose import Setting, heading, initial, paragraph, text
from pages.style import Column

if TYPE_CHECKING:
    from pages.style import Pen

Margins = tuple[float, float, float, float]  # left, top, right, bottom edges of the text


def margins(pen: Pen, least: float = 0.06, most: float = 0.13) -> Margins:
    """Random margins as shares of the page."""
    rng, sheet = pen.rng, pen.sheet
    left, right = rng.uniform(least, most), rng.uniform(least, most)
    if rng.random() < 0.5:
        right = left
    top, bottom = rng.uniform(0.06, 0.12), rng.uniform(0.06, 0.12)
    return (
        sheet.width * left,
        sheet.height * top,
        sheet.width * (1 - right),
        sheet.height * (1 - bottom),
    )


def columns(pen: Pen, area: Margins, count: int) -> list[Column]:
    """Equal columns over ``area``, now and then with rules between them."""
    left, top, right, bottom = area
    gap = pen.style.size * pen.rng.uniform(1.2, 2.6)
    width = (right - left - gap * (count - 1)) / count
    out = [Column(left + i * (width + gap), top, width, bottom) for i in range(count)]
    if count > 1 and pen.rng.random() < 0.15:
        for column in out[1:]:
            x = column.x - gap / 2
            pen.sheet.fill((x, top, x + 1, bottom), pen.style.ink)
    return out


def _float(pen: Pen, area: Margins, mix: str) -> Margins:
    """A figure or table over all columns at the head of ``area``; what is left below."""
    left, top, right, bottom = area
    kinds = [k for k in ("table", "picture", "chart") if k in flow.MIXES[mix]]
    if not kinds or pen.rng.random() > 0.3:
        return area
    wide = Column(left, top, right - left, top + 0.5 * (bottom - top))
    flow.BLOCKS[pen.rng.choice(kinds)](pen, wide)
    return (left, wide.y + pen.style.size, right, bottom)


def article(pen: Pen) -> None:
    """A page of a paper, report or manual in one to three columns, first pages with a title."""
    rng = pen.rng
    mix = rng.choice(("paper", "paper", "manual", "manual", "report", "mathematics", "data"))
    count = rng.choice((1, 1, 2, 2, 2, 2, 3))
    area = margins(pen)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    if rng.random() < 0.12:
        words = ["arXiv:", str(rng.randint(1000, 9999)), *pen.topic.title(3)]
        at = (left * 0.3, top + 0.2 * (bottom - top))
        furniture.upright(pen, at, "aside_text", words, 1.3)
    if rng.random() < 0.35:
        whole = Column(left, top, right - left, bottom)
        matter.title(pen, whole)
        if rng.random() < 0.6:
            matter.abstract(pen, whole)
        area = (left, whole.y, right, bottom)
    else:
        area = _float(pen, area, mix)
    spaces = columns(pen, area, count)
    last_of = rng.uniform(0.2, 1) if rng.random() < 0.25 else 1.0
    for i, column in enumerate(spaces):
        if rng.random() < 0.2:
            furniture.footnotes(pen, column)
        last = i == count - 1
        if last and rng.random() < 0.12:
            flow.fill(pen, column, flow.MIXES[mix], 0.4)
            matter.references(pen, column)
        else:
            flow.fill(pen, column, flow.MIXES[mix], last_of if last else 1.0)


def book(pen: Pen) -> None:
    """A page of a book: one column, wide margins, perhaps a chapter's beginning, notes."""
    rng = pen.rng
    left, top, right, bottom = margins(pen, 0.11, 0.2)
    furniture.head_and_foot(pen, (left, top, right, bottom))
    column = Column(left, top, right - left, bottom)
    if rng.random() < 0.25:
        column.y += (bottom - top) * rng.uniform(0.05, 0.25)
        matter.title(pen, column, authors=False)
        column.y += pen.style.size * 2
    if rng.random() < 0.3:
        furniture.footnotes(pen, column)
    body_top = column.y
    if rng.random() < 0.15:
        initial(pen, column)
    flow.fill(pen, column, flow.MIXES[rng.choice(("novel", "novel", "report", "mathematics"))])
    if rng.random() < 0.3 and pen.sheet.width - right > 6 * pen.style.size:
        x = right + pen.style.size
        for _ in range(rng.randint(1, 3)):
            y = rng.uniform(body_top, bottom * 0.8)
            furniture.margin_note(pen, x, y, pen.sheet.width - x - pen.style.size)
            if rng.random() < 0.7:
                break


def listing(pen: Pen) -> None:
    """A page of contents, of references or of figures of one kind."""
    rng = pen.rng
    area = margins(pen)
    furniture.head_and_foot(pen, area)
    two = rng.random() < 0.4
    which = rng.choice((matter.contents, matter.references))
    for column in columns(pen, area, 2 if two else 1):
        if which is matter.contents and two:
            matter.contents(pen, column)
            continue
        which(pen, column)
        if rng.random() < 0.5:
            flow.fill(pen, column, flow.MIXES["report"])


def magazine(pen: Pen) -> None:
    """A page of a magazine or newspaper: a large title, a picture, two to four narrow columns."""
    rng, s = pen.rng, pen.style
    area = margins(pen, 0.04, 0.09)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    whole = Column(left, top, right - left, bottom)
    if rng.random() < 0.25:
        at = (rng.choice((left * 0.2, right + left * 0.3)), rng.uniform(top, bottom * 0.6))
        furniture.upright(pen, at, "vertical_text", pen.topic.title(rng.randint(1, 4)), 1)
    if rng.random() < 0.5:
        flow.BLOCKS["picture"](pen, Column(left, top, right - left, bottom))
        regions = pen.sheet.regions()
        whole.y = (
            max(
                (
                    r.box[3]
                    for r in regions
                    if r.box and r.label in {"image", "figure_title", "vision_footnote"}
                ),
                default=top,
            )
            + s.size
        )
    matter.title(pen, whole, scale=rng.choice((2.2, 2.8, 3.4)), authors=rng.random() < 0.5)
    if rng.random() < 0.6:
        lead = Setting((s.heading_family.italic, s.scaled(1.25)), s.accent, 1.3, "left")
        text(pen, whole, lead, rng.randint(1, 4), "text")
        whole.y += s.size
    spaces = columns(pen, (left, whole.y, right, bottom), rng.choice((2, 3, 3, 4)))
    for i, column in enumerate(spaces):
        if i and rng.random() < 0.15:
            _quotation(pen, column)
        elif not i and rng.random() < 0.4:
            initial(pen, column)
        flow.fill(pen, column, {"paragraph": 12, "section": 1.2, "picture": 0.9, "items": 0.3}, 1.0)


def _quotation(pen: Pen, column: Column) -> None:
    """A sentence in large letters between two rules."""
    s = pen.style
    setting = Setting((s.heading_family.bold, s.scaled(1.5)), s.accent, 1.25, "centre")
    if column.height < 8 * setting.line:
        return
    column.y += s.size
    pen.sheet.fill((column.x, column.y, column.x + column.width, column.y + 2), s.accent)
    column.y += s.size * 0.5
    text(pen, column, setting, pen.rng.randint(2, 4), "text")
    column.y += s.size * 0.4
    pen.sheet.fill((column.x, column.y, column.x + column.width, column.y + 2), s.accent)
    column.y += s.size


def leaflet(pen: Pen) -> None:
    """Panels side by side, shaded ones among them, each with a heading."""
    rng, s = pen.rng, pen.style
    area = margins(pen, 0.03, 0.07)
    whole = Column(area[0], area[1], area[2] - area[0], area[3])
    if rng.random() < 0.7:
        matter.title(pen, whole, scale=rng.choice((1.8, 2.4, 3)), authors=False)
    for column in columns(pen, (area[0], whole.y, area[2], area[3]), rng.choice((2, 2, 3))):
        if rng.random() < 0.35:
            shade = rng.choice(((238, 240, 244), (250, 244, 226), (228, 240, 230), (225, 225, 225)))
            pen.sheet.fill(
                (
                    column.x - s.size * 0.4,
                    column.y - s.size * 0.4,
                    column.x + column.width + s.size * 0.4,
                    column.bottom,
                ),
                shade,
            )
            column.bottom -= s.size * 0.5
        while heading(pen, column):
            flow.fill(
                pen,
                column,
                {"paragraph": 3, "items": 4, "picture": 1, "table": 0.5},
                rng.uniform(0.2, 0.6),
            )
            if not paragraph(pen, column):
                break
