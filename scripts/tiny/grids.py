# SPDX-License-Identifier: Apache-2.0
"""Tables of two to eight columns and two to fifteen rows, with spans, as OTSL."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tiny import fonts, odd, text
from tiny.alphabet import BLANK
from tiny.canvas import Canvas, Style, Word, set_in, width
from tiny.render import Unit

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tiny.families import Shelf
    from tiny.render import Page
    from tiny.wording import Author

RULES = ("grid", "grid", "grid", "book", "book", "rows", "rows", "none", "none", "frame", "columns")
LINE = 1.2  # of a cell's text, in ems


@dataclass
class Cell:
    """A cell that begins at a place of the grid."""

    lines: list[list[Word]]
    rows: int = 1
    columns: int = 1
    align: str = "left"


@dataclass
class Plan:
    """A table before it is painted. Lengths are in pixels."""

    cells: dict[tuple[int, int], Cell]
    xs: list[float]  # column edges, one more than there are columns
    ys: list[float]
    pad: float
    style: Style
    dark: bool = False  # the head: light letters on a dark shade
    inside: dict[tuple[int, int], str] = field(default_factory=dict)  # tags of places in spans


@dataclass(frozen=True)
class Kind:
    """What a column holds."""

    make: Callable[[random.Random], str]
    align: str
    widest: float  # ems, before its lines are broken


def _kind(author: Author, *, tall: bool) -> Kind:
    rng = author.rng
    if tall and rng.random() < 0.4:
        return Kind(lambda _: " ".join(author.paragraph()[:12]), "left", rng.uniform(8, 18))
    align = rng.choice(("left", "left", "centre", "right"))
    make = rng.choices(
        (
            text.word,
            text.two_words,
            text.number,
            text.price,
            text.date,
            odd.part_number,
            odd.nonword,
            text.label,
            odd.signs,
            odd.accented,
            odd.noise,
            lambda _: " ".join(author.title()[:5]),
        ),
        (10, 10, 26, 8, 8, 7, 4, 4, 4, 2, 2, 10),
    )[0]
    return Kind(make, align, 14)


def table(author: Author, shelf: Shelf, most_cells: float) -> Page:
    """A table that takes no more than ``most_cells`` image tokens."""
    rng = author.rng
    columns, rows = rng.randint(2, 8), rng.choice((rng.randint(2, 6), rng.randint(2, 15)))
    size = rng.choice((rng.randint(10, 16), rng.randint(13, 24), rng.randint(18, 34)))
    while True:
        plan = _plan(author, shelf, columns, rows, size)
        width_, height = plan.xs[-1], plan.ys[-1]
        if width_ * height / 784 <= most_cells:
            return _painted(rng, plan)
        size = max(10, size - 3)
        columns, rows = max(2, columns - 1), max(2, rows - 2)
        if columns == rows == 2 and size == 10:
            most_cells *= 1.5


def _plan(author: Author, shelf: Shelf, columns: int, rows: int, size: int) -> Plan:
    rng = author.rng
    family = rng.choice(shelf.mono if rng.random() < 0.06 else shelf.families)
    plain = Style(family.regular, size)
    bold = Style(family.bold, size) if rng.random() < 0.7 else plain
    tall = rng.random() < 0.3
    kinds = [_kind(author, tall=tall) for _ in range(columns)]
    filled = rng.choice((1.0, 1.0, 0.9, 0.7))
    plan = Plan({}, [], [], size * rng.uniform(0.2, 0.6), plain)
    if rng.random() < 0.35:
        _spans(rng, plan, columns, rows)
    plan.dark = rng.random() < 0.12 and all(
        c.rows == 1 for (r, _), c in plan.cells.items() if not r
    )
    named_style = replace(bold, ink=0) if plan.dark else bold
    for r in range(rows):
        for c in range(columns):
            if (r, c) in plan.inside:
                continue
            cell = plan.cells.setdefault((r, c), Cell([]))
            kind, named = kinds[c], r == 0
            cell.align = "centre" if cell.columns > 1 else kind.align
            if rng.random() > filled and c:
                continue
            said = " ".join(author.title()[:4]) if named else kind.make(rng)
            style = bold if c == 0 and rng.random() < 0.1 else plain
            style = named_style if named else style
            cell.lines = _lines(said.split(), style, kind.widest * size * cell.columns)
    _edges(rng, plan, columns, rows)
    return plan


def _spans(rng: random.Random, plan: Plan, columns: int, rows: int) -> None:
    """One to three cells over several columns or rows."""
    for _ in range(rng.randint(1, 3)):
        across = rng.random() < 0.6
        r = 0 if across and rng.random() < 0.7 else rng.randrange(rows)
        c = 0 if not across and rng.random() < 0.7 else rng.randrange(columns)
        high = 1 if across and rng.random() < 0.9 else rng.randint(2, 4)
        wide = rng.randint(2, 4) if across else 1
        high, wide = min(high, rows - r), min(wide, columns - c)
        places = [(r + i, c + j) for i in range(high) for j in range(wide)]
        if high * wide < 2 or any(p in plan.inside or p in plan.cells for p in places):
            continue
        plan.cells[r, c] = Cell([], high, wide)
        for i, j in places[1:]:
            plan.inside[i, j] = "<lcel>" if i == r else "<ucel>" if j == c else "<xcel>"


def _lines(said: list[str], style: Style, widest: float) -> list[list[Word]]:
    """The words of a cell in lines of at most ``widest`` pixels, a longer word cut."""
    space = float(fonts.metrics(style.face).at(style.size).advances(" ")[0])
    lines: list[list[Word]] = []
    used = 0.0
    for one in said:
        word = set_in(one, style)
        while len(word.text) > 1 and width(word) > widest:
            word = Word(word.text[: int(len(word.text) * 0.8)], word.style)
        wide = width(word)
        if lines and used + space + wide <= widest:
            lines[-1].append(word)
            used += space + wide
        elif len(lines) < 4:
            lines.append([word])
            used = wide
    return lines


def _extent(line: list[Word], space: float) -> float:
    return sum(width(word) for word in line) + space * (len(line) - 1)


def _edges(rng: random.Random, plan: Plan, columns: int, rows: int) -> None:
    """Columns as wide and rows as high as what they hold."""
    size = plan.style.size
    space = float(fonts.metrics(plan.style.face).at(size).advances(" ")[0])
    wide, high = [size * 1.2] * columns, [size * LINE] * rows
    for (r, c), cell in plan.cells.items():
        longest = max((_extent(line, space) for line in cell.lines), default=0.0)
        for i in range(cell.columns):
            wide[c + i] = max(wide[c + i], longest / cell.columns)
        for i in range(cell.rows):
            high[r + i] = max(high[r + i], len(cell.lines) * LINE * size / cell.rows)
    stretch = rng.choice((1.0, 1.0, rng.uniform(1, 1.8)))
    between = plan.pad * 2 + size * rng.choice((0, 0, 0.5, rng.uniform(0, 3)))
    air = size * rng.uniform(0.1, 1.0)
    margin = rng.uniform(1, 6)
    plan.xs = [margin]
    for w in wide:
        plan.xs.append(plan.xs[-1] + w * stretch + between)
    plan.ys = [margin]
    for h in high:
        plan.ys.append(plan.ys[-1] + h + air)


def _painted(rng: random.Random, plan: Plan) -> Page:
    style, xs, ys = plan.style, plan.xs, plan.ys
    margin = rng.uniform(1, 6)
    scale = 2 if rng.random() < 0.3 else 1
    canvas = Canvas(xs[-1] + margin, ys[-1] + margin, scale, shaped=rng.random() < 0.3)
    _shades(rng, canvas, plan)
    _rules(rng, canvas, plan)
    middle = rng.random() < 0.7  # or at the top of the row
    for r in range(len(ys) - 1):
        y = (ys[r] + ys[r + 1]) / 2
        for c in range(len(xs) - 1):
            tag = plan.inside.get((r, c))
            if tag:
                canvas.units.append(Unit(tag, (xs[c] + xs[c + 1]) / 2, y, BLANK))
            else:
                _cell(canvas, plan, (r, c), middle=middle)
        canvas.units.append(Unit("<nl>", xs[-1] - plan.pad, y, BLANK))
    canvas.units.append(Unit("</s>", xs[-1] - plan.pad, canvas.units[-1].y, BLANK))
    return canvas.page(style.face, style.size)


def _cell(canvas: Canvas, plan: Plan, place: tuple[int, int], *, middle: bool) -> None:
    (r, c), cell = place, plan.cells[place]
    left, right = plan.xs[c] + plan.pad, plan.xs[c + cell.columns] - plan.pad
    top, bottom = plan.ys[r], plan.ys[r + cell.rows]
    if not cell.lines:
        canvas.units.append(Unit("<ecel>", (left + right) / 2, (top + bottom) / 2, BLANK))
        return
    size = plan.style.size
    space = float(fonts.metrics(plan.style.face).at(size).advances(" ")[0])
    spare = bottom - top - len(cell.lines) * LINE * size
    y = top + (spare / 2 if middle else min(spare / 2, 0.2 * size))
    begin = len(canvas.units)
    for i, line in enumerate(cell.lines):
        rest = right - left - _extent(line, space)
        x = left + max(0.0, rest) * {"left": 0.0, "centre": 0.5, "right": 1.0}[cell.align]
        baseline = y + (i + 0.5) * LINE * size + 0.35 * size
        for n, word in enumerate(line):
            if i or n:
                last = canvas.units[-1]
                canvas.space(last.x + 0.6 * size, last.y)
            x = canvas.word(x, baseline, word) + space
    first = canvas.units[begin]
    canvas.units.insert(begin, Unit("<fcel>", first.x, first.y, BLANK))


def _shades(rng: random.Random, canvas: Canvas, plan: Plan) -> None:
    """Light backgrounds of the head or of every other row."""
    xs, ys = plan.xs, plan.ys
    ink = rng.randint(8, 45)
    if rng.random() < 0.15:
        for top, bottom in list(pairwise(ys))[1::2]:
            canvas.fill((xs[0], top, xs[-1], bottom), ink)
    if plan.dark or rng.random() < 0.2:
        ink = rng.randint(130, 255) if plan.dark else ink
        canvas.fill((xs[0], ys[0], xs[-1], ys[1]), ink)


def _rules(rng: random.Random, canvas: Canvas, plan: Plan) -> None:
    """Rules between cells; none crosses a cell of several rows or columns."""
    rules, ink = rng.choice(RULES), rng.randint(90, 255)
    thick = rng.choice((1, 1, 1, 2))
    xs, ys = plan.xs, plan.ys
    n, m = len(ys) - 1, len(xs) - 1
    inner = {"grid": range(1, n), "rows": range(1, n), "book": (1,), "none": (1,)}
    across = [*inner.get(rules, ())] if rules != "none" or rng.random() < 0.4 else []
    if rules in {"grid", "book", "frame"} or (rules == "rows" and rng.random() < 0.6):
        across += [0, n]
    down = [*range(1, m)] if rules in {"grid", "columns"} else []
    if rules in {"grid", "frame"}:
        down += [0, m]
    for r in across:
        for c in range(m):
            if plan.inside.get((r, c)) not in {"<ucel>", "<xcel>"}:
                canvas.rule((xs[c], ys[r], xs[c + 1], ys[r]), ink, thick)
    for c in down:
        for r in range(n):
            if plan.inside.get((r, c)) not in {"<lcel>", "<xcel>"}:
                canvas.rule((xs[c], ys[r], xs[c], ys[r + 1]), ink, thick)
