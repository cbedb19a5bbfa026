# SPDX-License-Identifier: Apache-2.0
"""Tables with and without rules, shaded or not, of words and numbers, in one or more lines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pages.faces import advance
from pages.prose import Setting, wrap
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
Lines = list[tuple[list[str], float]]  # of a cell: words and their width


@dataclass(frozen=True)
class Shape:
    """Where the cells are."""

    xs: list[float]  # column edges, one more than there are columns
    ys: list[float]
    head: bool  # whether the first row names the columns


@dataclass(frozen=True)
class Kind:
    """What a column holds and how it stands."""

    make: Callable[[], str]
    align: str
    most: int  # lines


def _kind(pen: Pen, *, first: bool, tall: bool) -> Kind:
    rng = pen.rng
    align = rng.choice(("left", "left", "centre", "right"))
    if tall and rng.random() < 0.5:
        return Kind(lambda: " ".join(pen.topic.title(rng.randint(2, 14))), "left", 4)
    makers = (pen.topic.cell, lambda: number(rng), lambda: price(rng), lambda: date(rng))
    make = pen.topic.cell if first else rng.choices(makers, (4, 4, 1, 1))[0]
    return Kind(make, align, 2 if tall else 1)


def _edges(pen: Pen, column: Column, size: int) -> list[float]:
    """The column edges of a table over all or part of ``column``."""
    rng = pen.rng
    count = max(2, min(rng.choice((2, 3, 3, 4, 4, 5, 6, 7, 8)), int(column.width / (size * 4.5))))
    width = column.width if rng.random() < 0.6 else column.width * rng.uniform(0.55, 1)
    shares = [rng.uniform(0.6, 1.4) for _ in range(count)]
    shares[0] *= rng.choice((1, 1.5, 2))
    xs = [column.x + rng.choice((0, (column.width - width) / 2))]
    for share in shares:
        xs.append(xs[-1] + width * share / sum(shares))
    return xs


def _fitted(said: str, face: Face, room: float, most: int) -> Lines:
    """``said`` in at most ``most`` lines; a word wider than ``room`` is cut."""
    words = []
    for word in said.split():
        shown = word
        while len(shown) > 1 and advance(*face, shown) > room:
            shown = shown[:-1]
        words.append(shown)
    return wrap(words, Setting(face, (0, 0, 0), 1.2, "left"), room)[:most]


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
    if column.width < 9 * size:
        return False
    xs = _edges(pen, column, size)
    tall, head = rng.random() < 0.35, rng.random() < 0.85
    kinds = [_kind(pen, first=i == 0, tall=tall) for i in range(len(xs) - 1)]
    filled = rng.choice((1.0, 1.0, 0.9, 0.7))
    pad, line, air = size * rng.uniform(0.25, 0.5), size * 1.2, size * rng.uniform(0.1, 1.0)
    wanted = rng.choice((2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 22))
    rows: list[list[Lines]] = []
    ys = [column.y]
    while len(rows) < wanted:
        named = head and not rows
        face = (family.bold if named else family.regular, size)
        row = []
        for c, kind in enumerate(kinds):
            said = pen.topic.cell() if named else kind.make()
            room = xs[c + 1] - xs[c] - 2 * pad
            kept = room > size and (c == 0 or rng.random() < filled)
            row.append(_fitted(said, face, room, max(kind.most, 1 + named * tall)) if kept else [])
        height = max(1, *(len(cell) for cell in row)) * line + air
        if ys[-1] + height > column.bottom:
            break
        rows.append(row)
        ys.append(ys[-1] + height)
    if len(rows) < 2:
        return False
    rules = rng.choice(RULES)
    middle = rng.random() < 0.6  # or at the top of the row
    with pen.sheet.region("table") as region:
        dark = _shades(pen, Shape(xs, ys, head), rules)
        for r, row in enumerate(rows):
            named = head and r == 0
            face = (family.bold if named else family.regular, size)
            ink = (255, 255, 255) if named and dark else s.ink
            for c, cell in enumerate(row):
                spare = (ys[r + 1] - ys[r] - len(cell) * line) / 2 if middle else air / 2
                at = (xs[c] + pad, ys[r] + spare)
                _cell(pen, cell, at, (xs[c + 1] - xs[c] - 2 * pad, kinds[c].align), face, ink)
        region.cells = [[" ".join(" ".join(w) for w, _ in cell) for cell in row] for row in rows]
        _rules(pen, Shape(xs, ys, head), rules)
    column.y = ys[-1] + s.size * rng.uniform(0.4, 1.2)
    return True


def _cell(  # noqa: PLR0917 - all of them are places and looks
    pen: Pen,
    lines: Lines,
    at: tuple[float, float],
    room: tuple[float, str],
    face: Face,
    ink: Colour,
) -> None:
    space = advance(*face, " ")
    for i, (words, used) in enumerate(lines):
        spare = room[0] - used
        x = at[0] + {"left": 0.0, "centre": spare / 2, "right": spare}[room[1]]
        for word in words:
            baseline = at[1] + (i + 0.5) * face[1] * 1.2 + face[1] * 0.35
            x = pen.sheet.word(x, baseline, word, face, ink) + space
