# SPDX-License-Identifier: Apache-2.0
"""Running text: paragraphs, headings, lists. Each block says whether there was room for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pages.faces import SIGNS, advance, find

if TYPE_CHECKING:
    from pages.sheet import Colour, Face, Region
    from pages.style import Column, Pen

WORD = 3.1  # an average word and its space in ems, to guess how many fill a line
BULLETS = "••••–■▪◦○►✓"  # noqa: RUF001 - a dash is a bullet


@dataclass(frozen=True)
class Setting:
    """How lines are set, where it is not as the style says."""

    face: Face
    ink: Colour
    leading: float  # ems
    align: str  # "left", "justified", "centre" or "right"
    first: float = 0.0  # indent of the first line (or lines)
    rest: float = 0.0  # indent of the others
    firsts: int = 1  # how many lines have the first indent

    @property
    def line(self) -> float:
        """Line height in pixels."""
        return self.face[1] * self.leading

    def indent(self, line: int) -> float:
        """The indent of a line."""
        return self.first if line < self.firsts else self.rest


def body(pen: Pen, *, first: float = 0.0, rest: float = 0.0, scale: float = 1.0) -> Setting:
    """As the style sets running text."""
    s = pen.style
    align = "justified" if s.justified else "left"
    face = s.body if scale == 1 else (s.family.regular, s.scaled(scale))
    return Setting(face, s.ink, s.leading, align, first, rest)


def wrap(words: list[str], setting: Setting, width: float) -> list[tuple[list[str], float]]:
    """Break ``words`` into lines: per line its words and their width with single spaces."""
    space = advance(*setting.face, " ")
    lines: list[tuple[list[str], float]] = []
    line: list[str] = []
    used, room = 0.0, width - setting.indent(0)
    for word in words:
        wide = advance(*setting.face, word)
        if line and used + space + wide > room:
            lines.append((line, used))
            line, used, room = [], 0.0, width - setting.indent(len(lines))
        used += wide + (space if line else 0)
        line.append(word)
    if line:
        lines.append((line, used))
    return lines


def write(
    pen: Pen, region: Region, lines: list[tuple[list[str], float]], column: Column, setting: Setting
) -> None:
    """Set broken lines at the column's y and move it to where a further line would begin."""
    space = advance(*setting.face, " ")
    for i, (words, used) in enumerate(lines):
        indent = setting.indent(i)
        room = column.width - indent
        x, gap = column.x + indent, space
        if setting.align == "centre":
            x += (room - used) / 2
        elif setting.align == "right":
            x += room - used
        elif setting.align == "justified" and i + 1 < len(lines) and len(words) > 1:
            gap += max(0.0, room - used) / (len(words) - 1)
        baseline = column.y + setting.line * 0.5 + setting.face[1] * 0.35
        for word in words:
            x = pen.sheet.word(x, baseline, word, setting.face, setting.ink) + gap
        region.lines.append(" ".join(words))
        column.y += setting.line


def text(pen: Pen, column: Column, setting: Setting, count: int, label: str | None) -> bool:
    """About ``count`` lines of sentences: a region, or without a label part of the open one."""
    count = min(count, int(column.height / setting.line))
    if count < 1 or column.width < 4 * setting.face[1]:
        return False
    full = column.width / (WORD * setting.face[1])
    words = pen.topic.words(max(1, round((count - pen.rng.uniform(0.05, 0.9)) * full)))
    lines = wrap(words, setting, column.width)[:count]
    if label is None:
        write(pen, pen.sheet.current, lines, column, setting)
    else:
        with pen.sheet.region(label) as region:
            write(pen, region, lines, column, setting)
    return True


def paragraph(pen: Pen, column: Column, count: int | None = None, label: str = "text") -> bool:
    """A paragraph of the style's body text."""
    count = count or pen.rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 11, 14))
    indent = pen.style.indent if pen.rng.random() < 0.85 else 0.0
    if not text(pen, column, body(pen, first=indent), count, label):
        return False
    column.y += pen.style.gap
    return True


def initial(pen: Pen, column: Column) -> bool:
    """A paragraph that begins with a letter two or three lines high."""
    rng, s = pen.rng, pen.style
    lines = rng.choice((2, 2, 3))
    face = (s.heading_family.regular, s.scaled(lines * s.leading * 1.1))
    letter = rng.choice("ABCDEFGHIKLMNOPRSTUVW")
    if column.height < (lines + 2) * s.line:
        return False
    wide = advance(*face, letter) + s.size * 0.3
    with pen.sheet.region("text") as region:
        baseline = column.y + (lines - 0.5) * s.line + s.size * 0.35
        pen.sheet.word(column.x, baseline, letter, face, s.accent)
        setting = replace(body(pen, first=wide), firsts=lines)
        text(pen, column, setting, lines + rng.randint(1, 6), None)
        region.lines[0] = letter + region.lines[0]
    column.y += s.gap
    return True


def _number(pen: Pen, level: int) -> str:
    rng = pen.rng
    if level == 1 and rng.random() < 0.3:
        return rng.choice(("I.", "II.", "III.", "IV.", "A.", "B.", "1.", "2.", "3.", "Chapter 4"))
    return ".".join(str(rng.randint(1, 12)) for _ in range(level))


def heading(pen: Pen, column: Column, level: int = 1, label: str = "paragraph_title") -> bool:
    """A heading, and room for at least two lines below it."""
    s, rng = pen.style, pen.rng
    scale = 1 + (s.heading_scale - 1) / level
    face = (getattr(s.heading_family, s.heading_face), s.scaled(scale))
    ink = s.accent if rng.random() < 0.9 else s.ink
    setting = Setting(face, ink, 1.2, "centre" if s.heading_centred else "left")
    words = pen.topic.title(rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8)), capitals=s.heading_capitals)
    if s.heading_numbered:
        words = [_number(pen, level), *words]
    lines = wrap(words, setting, column.width)[:3]
    before, after = face[1] * rng.uniform(0.3, 1.0), face[1] * rng.uniform(0.1, 0.6)
    if before + len(lines) * setting.line + after + 2 * s.line > column.height:
        return False
    column.y += before
    if s.heading_shaded and pen.sheet.decorated:
        end = column.y + len(lines) * setting.line
        pen.sheet.fill((column.x - s.size * 0.3, column.y, column.x + column.width, end), s.accent)
        setting = replace(setting, ink=pen.sheet.paper if sum(s.accent) < 500 else s.ink)
    with pen.sheet.region(label) as region:
        write(pen, region, lines, column, setting)
    if s.heading_ruled:
        pen.sheet.fill((column.x, column.y, column.x + column.width, column.y + 1), s.accent)
    column.y += after
    return True


def items(pen: Pen, column: Column) -> bool:
    """A list: every item is a region of text, marker and all."""
    rng, s = pen.rng, pen.style
    kind = rng.choice(("bullet", "bullet", "number", "letter", "term"))
    bullet = rng.choice(BULLETS)
    left = s.size * rng.choice((0, 0, 0.5, 1, 2))
    hang = s.size * rng.uniform(1.2, 2.2)
    between = s.size * rng.choice((0, 0, 0.2, 0.5, 0.8))
    short = rng.random() < 0.5
    inner = type(column)(column.x + left, column.y, column.width - left, column.bottom)
    done = 0
    for i in range(rng.randint(2, 8)):
        count = 1 if short else rng.choice((1, 1, 2, 2, 3, 4))
        need = count + (kind == "term")
        if inner.height < need * s.line or inner.width < 8 * s.size:
            break
        with pen.sheet.region("text") as region:
            baseline = inner.y + s.line * 0.5 + s.size * 0.35
            if kind == "term":
                words = pen.topic.title(rng.randint(1, 3))
                bold = Setting((s.family.bold, s.size), s.ink, s.leading, "left")
                write(pen, region, wrap(words, bold, inner.width)[:1], inner, bold)
            else:
                mark = {"bullet": bullet, "number": f"{i + 1}.", "letter": f"({'abcdefgh'[i]})"}[
                    kind
                ]
                face = (find(SIGNS), s.size) if kind == "bullet" else s.body
                pen.sheet.word(inner.x, baseline, mark, face, s.ink)
            text(pen, inner, body(pen, first=hang, rest=hang), count, None)
            if kind != "term" and region.lines:
                region.lines[0] = f"{mark} {region.lines[0]}"
        inner.y += between
        done += 1
    if not done:
        return False
    column.y = inner.y + s.gap * 0.8
    return True
