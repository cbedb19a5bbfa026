# SPDX-License-Identifier: Apache-2.0
"""Crops of text as a layout model cuts them: lines, headings, and strips of up to eight lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.images.lines import find_lines
from ppocrvl.parsing.strips import rows_of, strips
from tiny import fonts
from tiny.canvas import Canvas, Style, Word, set_in, width

if TYPE_CHECKING:
    import random

    from tiny.families import Family, Shelf
    from tiny.render import Page
    from tiny.wording import Author

MOST_LINES = 8
BULLETS = "•••◦▪■○●►✓–-*"  # noqa: RUF001 - a dash is a bullet
AVERAGE = 0.48  # width of a letter in ems
LEAST_OF_ROWS = 12  # pixels per em: 6 points at 144 dpi


@dataclass(frozen=True)
class Measure:
    """How much text there is: lines at most, pixels per em, about how many letters a line."""

    lines: int
    size: int
    letters: int

    @property
    def cells(self) -> float:
        """About how many image tokens that is, unless it is enlarged."""
        return self.lines * self.size * 1.25 * max(self.letters * AVERAGE, 1) * self.size / 784


def measure(rng: random.Random, most_cells: float) -> Measure:
    """A heading, a line, or lines of a paragraph, within ``most_cells``."""
    while True:
        r = rng.random()
        if r < 0.08:
            size = rng.randint(24, 72)
            found = Measure(rng.choice((1, 1, 1, 2, 3)), size, rng.randint(2, 45))
        else:
            size = round(rng.choice((rng.uniform(9, 15), rng.uniform(13, 26), rng.uniform(20, 48))))
            if r < 0.16:
                found = Measure(1, size, rng.randint(1, 12))
            elif r < 0.5:
                found = Measure(1, size, rng.randint(8, 140))
            else:
                found = Measure(rng.randint(2, MOST_LINES), size, rng.randint(15, 120))
        if found.cells <= most_cells:
            return found


class Setter:
    """Sets the words of one picture: a base style and runs of others."""

    def __init__(self, rng: random.Random, shelf: Shelf, size: int) -> None:
        self.rng = rng
        self._shelf = shelf
        pool = shelf.mono if rng.random() < 0.1 else shelf.families
        self.family: Family = rng.choice(pool)
        face = rng.choices(
            (
                self.family.regular,
                self.family.bold,
                self.family.italic,
                self.family.bold_italic,
            ),
            (70, 14, 12, 4),
        )[0]
        tracking = size * rng.uniform(0.05, 0.4) if rng.random() < 0.04 else 0.0
        if rng.random() < 0.1:
            tracking = size * rng.uniform(-0.03, 0.05)
        self.base = Style(
            face,
            size,
            tracking=tracking,
            small_capitals=rng.random() < 0.02,
            rule="under" if rng.random() < 0.02 else "",
        )
        self._changes = 0.07 if rng.random() < 0.35 else 0.0

    def other(self) -> Style:
        """A style for some words in between."""
        rng, base = self.rng, self.base
        mono = rng.choice(self._shelf.mono)
        return rng.choice(
            (
                replace(base, face=self.family.bold),
                replace(base, face=self.family.bold),
                replace(base, face=self.family.italic),
                replace(base, face=self.family.italic),
                replace(base, face=self.family.bold_italic),
                replace(base, face=mono.regular, size=max(7, round(base.size * 0.9))),
                replace(base, face=mono.regular),
                replace(base, small_capitals=True),
                replace(base, tracking=base.size * rng.uniform(0.1, 0.3)),
                replace(base, rule="under"),
                replace(base, rule=rng.choice(("under", "through"))),
                replace(base, ink=rng.randint(130, 220)),
                replace(base, face=rng.choice(self._shelf.families).regular),
                replace(base, size=max(7, round(base.size * rng.uniform(0.75, 1.2)))),
            )
        )

    def words(self, said: list[str]) -> list[Word]:
        """The words, each in its style."""
        out: list[Word] = []
        style, left = self.base, 0
        for text in said:
            if left == 0:
                style = self.base
                if self._changes and self.rng.random() < self._changes:
                    style, left = self.other(), self.rng.randint(1, 6)
            left = max(0, left - 1)
            shown = replace(style, small_capitals=False) if not text[:1].isupper() else style
            out.append(set_in(text, shown))
        return out


@dataclass(frozen=True)
class Shape:
    """How lines are broken and placed. Lengths are in pixels."""

    room: float  # of a line
    pitch: float
    align: str  # "left", "justified", "centre", "right"
    first: float = 0.0  # indent of the first line
    rest: float = 0.0
    hyphens: bool = False


@dataclass(frozen=True)
class Text:
    """Lines of words, the space between these, and whether the paragraph goes on."""

    lines: list[list[Word]]
    space: float
    more: bool


def broken(
    words: list[Word], shape: Shape, count: int, space: float
) -> tuple[list[list[Word]], bool]:
    """At most ``count`` lines, and whether words are left over."""
    lines: list[list[Word]] = [[]]
    used, room = 0.0, shape.room - shape.first
    todo = list(reversed(words))
    while todo:
        word = todo.pop()
        wide = width(word)
        gap = space if lines[-1] else 0.0
        if used + gap + wide <= room or (not lines[-1] and len(word.text) == 1):
            lines[-1].append(word)
            used += gap + wide
            continue
        cut = _cut(word, room - used - gap, hyphen=shape.hyphens and bool(lines[-1]))
        if not lines[-1] or (shape.hyphens and cut):
            at = max(1, cut)
            hyphen = "-" if lines[-1] or shape.hyphens else ""
            lines[-1].append(Word(word.text[:at] + hyphen, word.style))
            todo.append(Word(word.text[at:], word.style))
        else:
            todo.append(word)
        if len(lines) == count:
            return lines, True
        lines.append([])
        used, room = 0.0, shape.room - shape.rest
    return lines, False


def _cut(word: Word, room: float, *, hyphen: bool) -> int:
    """How many letters of a word fit; 0 if it cannot be parted there."""
    text = word.text
    if hyphen and not (text.isalpha() and len(text) > 5):
        return 0
    at = min(int(len(text) * max(0.0, room) / max(width(word), 1.0)) - 1, len(text) - 2)
    return at if at >= 2 or not hyphen else 0


def strip(author: Author, shelf: Shelf, most_cells: float, asked: Measure | None = None) -> Page:
    """A line, a heading or some lines of a paragraph, cut out of a page."""
    rng = author.rng
    size = asked or measure(rng, most_cells)
    setter = Setter(rng, shelf, size.size)
    em = size.size
    m = fonts.metrics(setter.base.face).at(em)
    space = float(m.advances(" ")[0]) * rng.choice((1, 1, 1, 0.8, 1.3)) + setter.base.tracking
    room = max(size.letters * AVERAGE, 1.2) * em
    leading = rng.uniform(1.02, 1.45) if rng.random() < 0.8 else rng.uniform(1.45, 2.0)
    align = rng.choices(("left", "justified", "centre", "right"), (50, 36, 9, 5))[0]
    shape = Shape(
        room,
        max(leading * em, m.bottom - m.top + 0.5),
        align if size.lines > 1 or align == "justified" else "left",
        first=em * rng.uniform(1, 2.2) if rng.random() < 0.15 and room > 8 * em else 0.0,
        hyphens=rng.random() < 0.5,
    )
    said = _said(author, size)
    if rng.random() < 0.12 and room > 8 * em:
        said.insert(0, _mark(rng))
        shape = replace(shape, first=0.0, rest=em * rng.uniform(0.6, 2.0), align="left")
    lines, more = broken(setter.words(said), shape, size.lines, space)
    return _painted(author, setter, Text(lines, space, more), shape)


def row(author: Author, shelf: Shelf, most_cells: float) -> Page:
    """A line as ``ppocrvl parse`` cuts it out of a paragraph for a reader of single lines."""
    while True:
        found = measure(author.rng, MOST_LINES * most_cells)
        if found.size < LEAST_OF_ROWS or found.cells > found.lines * most_cells:
            continue
        cut = line_of(strip(author, shelf, most_cells, found), author.rng)
        if cut:
            return cut


def line_of(page: Page, rng: random.Random) -> Page | None:
    """A random line of a strip; None where ``ppocrvl parse`` finds other lines on it."""
    ends = [-1, *(i for i, unit in enumerate(page.units) if unit.text in {"\n", "</s>"})]
    if len(ends) == 2:
        return page
    scale = page.ink.height / page.height
    rows = rows_of(find_lines(255 - np.asarray(page.ink)))
    if len(rows) != len(ends) - 1:
        return None
    i = rng.randrange(len(rows))
    top, bottom = strips(rows, page.ink.height, 1)[i]
    a, b = list(pairwise(ends))[i]
    units = [replace(unit, y=unit.y - top / scale) for unit in page.units[a + 1 : b + 1]]
    units[-1] = replace(units[-1], text="</s>")
    ink = page.ink.crop((0, top, page.ink.width, bottom))
    return replace(page, ink=ink, units=units, height=(bottom - top) / scale)


def _said(author: Author, size: Measure) -> list[str]:
    """Enough words for so many lines, now and then fewer."""
    need = size.lines * size.letters
    if author.rng.random() < 0.3:
        need = max(1, round(need * author.rng.uniform(0.3, 1.0)))
    said: list[str] = []
    while sum(len(w) + 1 for w in said) < need:
        said += author.title() if size.lines == 1 and size.size > 36 else author.paragraph()
    return said


def _mark(rng: random.Random) -> str:
    """What stands before an item of a list."""
    n = rng.randint(1, 20)
    letter = rng.choice("abcdeivxABCI")
    return rng.choice(
        (rng.choice(BULLETS), rng.choice(BULLETS), f"{n}.", f"({n})", f"{letter})", f"({letter})")
    )


def _painted(author: Author, setter: Setter, said: Text, shape: Shape) -> Page:
    rng, lines, space, more = author.rng, said.lines, said.space, said.more
    em = setter.base.size
    m = fonts.metrics(setter.base.face).at(em)
    longest = max(_width(line, space) + _indent(shape, i) for i, line in enumerate(lines))
    wide = shape.room if shape.align == "justified" and more else longest
    left, right = (rng.uniform(0, 0.3 * em) * rng.random() for _ in range(2))  # boxes are tight
    if rng.random() < 0.15:
        right += rng.uniform(0, 6 * em)
    above, below, neighbours = _margins(rng, em, shape.pitch - (m.bottom - m.top))
    first = above - m.top
    height = first + (len(lines) - 1) * shape.pitch + m.bottom + below
    canvas = Canvas(
        1.15 * wide + 4 * em,
        max(height, 6),
        2 if rng.random() < 0.35 else 1,
        shaped=rng.random() < 0.4,
    )
    if neighbours:
        for baseline in (first - shape.pitch, first + len(lines) * shape.pitch):
            _neighbour(canvas, setter.words(author.paragraph()), left, baseline, space)
    for i, line in enumerate(lines):
        last = i == len(lines) - 1
        at = (left + _indent(shape, i), first + i * shape.pitch)
        gap = space
        spare = wide - _indent(shape, i) - _width(line, space)
        if shape.align == "justified" and (not last or more) and len(line) > 1:
            gap += max(0.0, min(spare, 0.7 * wide)) / (len(line) - 1)
        elif shape.align in {"centre", "right"}:
            at = (at[0] + max(0.0, spare) * (0.5 if shape.align == "centre" else 1.0), at[1])
        write(canvas, line, at, gap)
        canvas.end("</s>" if last else "\n", em)
    canvas.narrowed(max(canvas.extent, left + wide) + right + 1)
    _furniture(rng, canvas, em, (left, first + (len(lines) - 1) * shape.pitch))
    return canvas.page(setter.base.face, em)


def _indent(shape: Shape, line: int) -> float:
    return shape.rest if line else shape.first


def _width(line: list[Word], space: float) -> float:
    return sum(width(word) for word in line) + space * (len(line) - 1)


def write(canvas: Canvas, line: list[Word], at: tuple[float, float], gap: float) -> None:
    """A line of words with the pen at ``at`` on the baseline; spaces are read between them."""
    x, baseline = at
    for i, word in enumerate(line):
        if i:
            last = canvas.units[-1]
            canvas.space(x + gap / 2, last.y)
            x += gap
        x = canvas.word(x, baseline, word)


def _margins(rng: random.Random, em: int, gap: float) -> tuple[float, float, bool]:
    """Space above and below the ink, and whether neighbouring lines reach into it."""
    r = rng.random()
    if r < 0.18:
        return gap + rng.uniform(0.05, 0.4) * em, gap + rng.uniform(0.05, 0.3) * em, True
    if r < 0.7:
        return rng.uniform(-0.04, 0.12) * em, rng.uniform(-0.04, 0.12) * em, False
    return rng.uniform(0, 0.6) * em, rng.uniform(0, 0.6) * em, False


def _neighbour(canvas: Canvas, words: list[Word], left: float, baseline: float, gap: float) -> None:
    """A line above or below that the crop cut through: nobody is to read it."""
    x = left
    for word in words:
        if x > canvas.width:
            break
        x = canvas.word(x, baseline, word, told=False) + gap


def _furniture(rng: random.Random, canvas: Canvas, em: int, last: tuple[float, float]) -> None:
    """Rules near the text or touching it: of forms, frames, and table cells."""
    r, ink = rng.random(), rng.randint(90, 255)
    w, h = canvas.width, canvas.height
    thick = rng.choice((1, 1, 1, 2, em / 14))
    if r < 0.03:
        y = last[1] + em * rng.uniform(0.02, 0.3)
        canvas.rule((0, y, w, y), ink, thick)
    elif r < 0.05:
        canvas.rule((0, 0.5, w, 0.5), ink, thick)
    elif r < 0.07:
        x = rng.uniform(0, max(1.0, last[0]))
        canvas.rule((x, 0, x, h), ink, thick)
    elif r < 0.09:
        for ends in ((0, 1, w, 1), (0, h - 1, w, h - 1), (1, 0, 1, h), (w - 1, 0, w - 1, h)):
            canvas.rule(ends, ink, thick)


def leader(author: Author, shelf: Shelf, most_cells: float) -> Page:
    """Lines of a table of contents; dots up to a number are read as a space."""
    rng = author.rng
    size = measure(rng, most_cells)
    setter = Setter(rng, shelf, size.size)
    em, base = size.size, setter.base
    m = fonts.metrics(base.face).at(em)
    space = float(m.advances(" ")[0])
    room = max(20, size.letters) * AVERAGE * em
    count = min(size.lines, 4)
    pitch = em * rng.uniform(1.15, 1.7)
    first = rng.uniform(0, 0.3) * em - m.top
    height = first + pitch * (count - 1) + m.bottom + em * rng.uniform(0, 0.3)
    canvas = Canvas(room + 4 + 2 * em, height, 1, shaped=False)
    sign = rng.choice((". ", ".", " .", "·", "_", " "))
    for i in range(count):
        number = set_in(str(rng.randint(1, 999)), base)
        end = room - width(number)
        words = setter.words(author.title())
        while len(words) > 1 and _width(words, space) > end - 3 * em:
            words.pop()
        at = (rng.choice((2.0, 2 + 1.5 * em)), first + i * pitch)
        write(canvas, words, at, space)
        x, y = canvas.units[-1].x + em, canvas.units[-1].y
        dots = sign * max(0, int((end - x - em) / max(1.0, width(set_in(sign, base)))))
        if dots.strip():
            canvas.word(x, at[1], set_in(dots.strip(), base), told=False)
        canvas.space((x + end) / 2, y)
        canvas.word(end, at[1], number)
        canvas.end("</s>" if i == count - 1 else "\n", em)
    canvas.narrowed(canvas.extent + rng.uniform(1, 6))
    return canvas.page(base.face, em)
