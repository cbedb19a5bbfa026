# SPDX-License-Identifier: Apache-2.0
"""Tables with and without rules, shaded or not, of words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pages.faces import advance
from pages.words import date, number, price

if TYPE_CHECKING:
    from collections.abc import Callable

    from pages.sheet import Colour, Face
    from pages.style import Column, Pen

RULES = (
    "grid",
    "grid",
    "book",
    "book",
    "rows",
    "rows",
    "none",
    "none",
    "frame",
    "zebra",
    "columns",
)


@dataclass(frozen=True)
class Shape:
    """Where the cells are."""

    xs: list[float]  # column edges, one more than there are columns
    ys: list[float]
    head: bool  # whether the first row names the columns


def _column_maker(pen: Pen) -> Callable[[], str]:
    makers = (
        pen.topic.cell,
        lambda: number(pen.rng),
        lambda: price(pen.rng),
        lambda: date(pen.rng),
    )
    return pen.rng.choices(makers, (4, 4, 1, 1))[0]


def _fitted(words: str, face: Face, room: float) -> str:
    """As many words, then letters, as there is room for."""
    parts = words.split()
    while len(parts) > 1 and _length(parts, face) > room:
        parts.pop()
    only = " ".join(parts)
    while len(only) > 1 and _length(only.split(), face) > room:
        only = only[:-1].rstrip()
    return only


def _length(parts: list[str], face: Face) -> float:
    space = advance(*face, " ")
    return sum(advance(*face, p) + space for p in parts) - space


def _shape(pen: Pen, column: Column, size: int) -> Shape | None:
    rng = pen.rng
    columns = max(2, min(rng.choice((2, 3, 3, 4, 4, 5, 6, 7, 8)), int(column.width / (size * 4.5))))
    row = size * rng.uniform(1.25, 2.2)
    rows = min(rng.choice((2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 22)), int(column.height / row))
    if rows < 2 or column.width < 9 * size:
        return None
    width = column.width if rng.random() < 0.6 else column.width * rng.uniform(0.55, 1)
    left = column.x + rng.choice((0, (column.width - width) / 2))
    shares = [rng.uniform(0.6, 1.4) for _ in range(columns)]
    shares[0] *= rng.choice((1, 1.5, 2))
    xs = [left]
    for share in shares:
        xs.append(xs[-1] + width * share / sum(shares))
    return Shape(xs, [column.y + i * row for i in range(rows + 1)], rng.random() < 0.85)


def _shades(pen: Pen, shape: Shape, rules: str) -> bool:
    """Paint backgrounds; whether the head is dark, so that its text must be light."""
    rng, sheet = pen.rng, pen.sheet
    xs, ys = shape.xs, shape.ys
    if rules == "zebra":
        shade = rng.randint(215, 243)
        for top, bottom in list(pairwise(ys))[1::2]:
            sheet.fill((xs[0], top, xs[-1], bottom), (shade, shade, shade))
    if not shape.head or rng.random() > 0.35:
        return False
    dark = rng.random() < 0.4
    colour: Colour = pen.style.accent if dark else (225, 228, 232)
    sheet.fill((xs[0], ys[0], xs[-1], ys[1]), colour)
    return dark


def _rules(pen: Pen, shape: Shape, rules: str) -> None:
    rng, xs, ys = pen.rng, shape.xs, shape.ys
    ink = rng.choice((pen.style.ink, pen.style.ink, (120, 120, 120), (180, 180, 180)))
    thick = rng.choice((1, 1, 1, 2))
    across = {
        "grid": ys,
        "rows": ys if rng.random() < 0.6 else ys[1:-1],
        "book": [ys[0], ys[1], ys[-1]],
        "frame": [ys[0], ys[-1]],
        "none": ys[1:2] if shape.head and rng.random() < 0.5 else [],
    }.get(rules, [])
    for y in across:
        pen.sheet.fill((xs[0], y, xs[-1] + thick, y + thick), ink)
    down = {"grid": xs, "columns": xs[1:-1], "frame": [xs[0], xs[-1]]}.get(rules, [])
    for x in down:
        pen.sheet.fill((x, ys[0], x + thick, ys[-1] + thick), ink)


def table(pen: Pen, column: Column) -> bool:
    """A table over all or part of the column's width."""
    rng, s = pen.rng, pen.style
    family = rng.choice((s.family, s.heading_family))
    size = s.scaled(rng.choice((0.8, 0.9, 0.9, 1)))
    shape = _shape(pen, column, size)
    if shape is None:
        return False
    rules = rng.choice(RULES)
    columns = [
        (_column_maker(pen), rng.choice(("left", "left", "centre", "right"))) for _ in shape.xs[1:]
    ]
    columns[0] = (pen.topic.cell, columns[0][1])
    filled = rng.choice((1.0, 1.0, 0.9, 0.7))
    row_height = shape.ys[1] - shape.ys[0]
    pad = size * rng.uniform(0.25, 0.5)
    with pen.sheet.region("table") as region:
        dark = _shades(pen, shape, rules)
        region.cells = []
        for r, top in enumerate(shape.ys[:-1]):
            named = shape.head and r == 0
            face = (family.bold if named else family.regular, size)
            ink = (255, 255, 255) if named and dark else s.ink
            row: list[str] = []
            for c, (make, align) in enumerate(columns):
                room = shape.xs[c + 1] - shape.xs[c] - 2 * pad
                said = pen.topic.cell() if named else make()
                keep = c == 0 or rng.random() < filled
                said = _fitted(said, face, room) if keep and room > size else ""
                row.append(said)
                spare = room - _length(said.split(), face) if said else 0.0
                x = shape.xs[c] + pad + {"left": 0.0, "centre": spare / 2, "right": spare}[align]
                space = advance(*face, " ")
                for word in said.split():
                    x = (
                        pen.sheet.word(x, top + row_height * 0.5 + size * 0.35, word, face, ink)
                        + space
                    )
            region.cells.append(row)
        _rules(pen, shape, rules)
    column.y = shape.ys[-1] + s.size * rng.uniform(0.4, 1.2)
    return True
