# SPDX-License-Identifier: Apache-2.0
"""Templates that training never sees: what the evaluation is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import flow, furniture, matter
from pages.office import block
from pages.printed import columns, margins
from pages.prose import Setting, heading, items, paragraph, text
from pages.style import Column
from pages.tables import table
from pages.words import date

if TYPE_CHECKING:
    from pages.style import Pen


def newsletter(pen: Pen) -> None:
    """A masthead, a narrow shaded side column and stories in the wide rest."""
    rng, s, sheet = pen.rng, pen.style, pen.sheet
    area = margins(pen, 0.05, 0.09)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    whole = Column(left, top, right - left, bottom)
    matter.title(pen, whole, scale=2.5, authors=False)
    sheet.fill((left, whole.y, right, whole.y + 2), s.accent)
    whole.y += s.size
    share = rng.uniform(0.27, 0.36)
    gap = s.size * 1.6
    side_first = rng.random() < 0.5
    narrow = (right - left) * share
    x = left if side_first else right - narrow
    side = Column(x, whole.y, narrow, bottom)
    sheet.fill((x - s.size * 0.5, whole.y - 4, x + narrow + s.size * 0.5, bottom), (236, 239, 243))
    wide = Column(
        left + narrow + gap if side_first else left, whole.y, right - left - narrow - gap, bottom
    )
    stories = {"paragraph": 6, "section": 2, "picture": 1, "chart": 0.5, "items": 0.7}
    aside = {"items": 3, "subheading": 2, "paragraph": 2, "table": 0.4}
    for column, mix in (
        ((side, aside), (wide, stories)) if side_first else ((wide, stories), (side, aside))
    ):
        flow.fill(pen, column, mix)


def examination(pen: Pen) -> None:
    """Numbered questions with formulas, figures, code and tables, and room for the answer."""
    rng, s = pen.rng, pen.style
    area = margins(pen)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    whole = Column(left, top, right - left, bottom)
    if rng.random() < 0.5:
        matter.title(pen, whole, scale=1.5, authors=True)
    for column in columns(pen, (left, whole.y, right, bottom), rng.choice((1, 2))):
        while column.height > 6 * s.line:
            heading(pen, column, 2) if rng.random() < 0.4 else paragraph(
                pen, column, rng.randint(1, 4)
            )
            flow.BLOCKS[
                rng.choice(("formula", "items", "items", "picture", "code", "table", "chart"))
            ](pen, column)
            column.y += s.size * rng.uniform(0.3, 2)


def datasheet(pen: Pen) -> None:
    """A product's name and logo, features beside a picture, then tables of its properties."""
    rng, s = pen.rng, pen.style
    area = margins(pen)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    if rng.random() < 0.5:
        furniture.logo(pen, left, top * 0.1, s.size * 2, "header_image")
    whole = Column(left, top, right - left, bottom)
    matter.title(pen, whole, scale=1.9, authors=False)
    middle = (left + right) / 2
    one = Column(left, whole.y, middle - left - s.size, whole.y + (bottom - whole.y) * 0.42)
    two = Column(middle + s.size, whole.y, right - middle - s.size, one.bottom)
    heading(pen, one)
    items(pen, one)
    flow.BLOCKS["picture"](pen, two)
    whole.y = max(one.y, two.y) + s.size
    while whole.height > 6 * s.line and heading(pen, whole):
        table(pen, whole) if rng.random() < 0.75 else flow.BLOCKS["chart"](pen, whole)
        if rng.random() < 0.4:
            text(
                pen,
                whole,
                Setting((s.family.regular, s.scaled(0.75)), s.ink, 1.2, "left"),
                2,
                "vision_footnote",
            )
            whole.y += s.size


def minutes(pen: Pen) -> None:
    """A memorandum: facts in lines, numbered headings, short lists, a seal."""
    rng, s = pen.rng, pen.style
    area = margins(pen, 0.1, 0.16)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    column = Column(left, top, right - left, bottom)
    matter.title(pen, column, scale=1.6, authors=False)
    block(
        pen,
        column,
        [
            ["To:", *pen.topic.name().split()],
            ["From:", *pen.topic.name().split()],
            ["Date:", *date(rng).split()],
        ],
        "text",
    )
    column.y += s.size
    while column.height > 7 * s.line and heading(pen, column):
        flow.fill(pen, column, {"items": 4, "paragraph": 4, "table": 0.7}, rng.uniform(0.15, 0.4))
    if rng.random() < 0.4:
        side = int(s.size * 8)
        furniture.seal(pen, right - side, min(column.y, bottom - side), side)


def proceedings(pen: Pen) -> None:
    """Two columns of a journal with a band across the page in the middle, and notes."""
    rng, s = pen.rng, pen.style
    area = margins(pen, 0.07, 0.1)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    cut = top + (bottom - top) * rng.uniform(0.3, 0.5)
    mix = flow.MIXES[rng.choice(("paper", "mathematics"))]
    for column in columns(pen, (left, top, right, cut), 2):
        flow.fill(pen, column, mix)
    band = Column(left, cut + s.size * 1.5, right - left, cut + (bottom - cut) * 0.55)
    flow.BLOCKS[rng.choice(("table", "picture", "chart"))](pen, band)
    for i, column in enumerate(columns(pen, (left, band.y + s.size, right, bottom), 2)):
        if rng.random() < 0.5:
            furniture.footnotes(pen, column)
        if i and rng.random() < 0.4:
            matter.references(pen, column)
        flow.fill(pen, column, mix)


def outline(pen: Pen) -> None:
    """Front matter: contents, or an abstract and references; a title turned sideways."""
    rng = pen.rng
    area = margins(pen, 0.1, 0.15)
    left, top, right, bottom = area
    furniture.head_and_foot(pen, area)
    column = Column(left, top, right - left, bottom)
    kind = rng.random()
    if kind < 0.4:
        matter.contents(pen, column)
        furniture.upright(pen, (left * 0.3, top * 2), "vertical_text", pen.topic.title(3), 1.2)
        return
    matter.title(pen, column)
    matter.abstract(pen, column)
    flow.fill(pen, column, flow.MIXES["report"], 0.4)
    matter.references(pen, column)
