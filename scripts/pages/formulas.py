# SPDX-License-Identifier: Apache-2.0
"""Displayed formulas: a small typesetter that knows the LaTeX of what it sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.faces import SIGNS, advance, find, font
from pages.prose import Setting, wrap

if TYPE_CHECKING:
    import random

    from pages.sheet import Colour, Face, Sheet
    from pages.style import Column, Pen

# ruff: noqa: RUF001 - the signs are meant

GREEK = {
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "λ": r"\lambda",
    "μ": r"\mu",
    "σ": r"\sigma",
    "θ": r"\theta",
    "π": r"\pi",
}
BIG = {"∑": r"\sum", "∫": r"\int", "∏": r"\prod"}
BETWEEN = {"+": "+", "−": "-", "=": "=", "≤": r"\leq", "·": r"\cdot", "→": r"\to", "≈": r"\approx"}


@dataclass(frozen=True)
class Sign:
    """A sign at (x, y) from the formula's left end on the baseline; y grows downwards."""

    x: float
    y: float
    text: str
    face: Face


@dataclass(frozen=True)
class Rule:
    """A line of a fraction or root."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Formula:
    """What is set: its extent around the baseline, its ink, its LaTeX."""

    width: float
    above: float
    below: float
    ink: tuple[Sign | Rule, ...]
    latex: str

    def moved(self, x: float, y: float) -> tuple[Sign | Rule, ...]:
        """The ink at another place."""
        return tuple(
            Sign(i.x + x, i.y + y, i.text, i.face)
            if isinstance(i, Sign)
            else Rule(i.x + x, i.y + y, i.width)
            for i in self.ink
        )

    def paint(self, sheet: Sheet, x: float, baseline: float, ink: Colour) -> None:
        """Put it on the sheet."""
        for i in self.ink:
            if isinstance(i, Sign):
                sheet.word(x + i.x, baseline + i.y, i.text, i.face, ink)
            else:
                y = baseline + i.y
                sheet.fill((x + i.x, y, x + i.x + i.width, y + 1), ink)


class Typesetter:
    """Random formulas in an italic face."""

    def __init__(self, rng: random.Random, italic: str, upright: str) -> None:
        self._rng, self._italic, self._upright = rng, italic, upright

    def sign(self, text: str, latex: str, size: int, path: str) -> Formula:
        """One sign or name."""
        face = (path, size)
        return Formula(
            advance(*face, text), size * 0.75, size * 0.22, (Sign(0, 0, text, face),), latex
        )

    def row(self, parts: list[Formula], space: float) -> Formula:
        """Side by side."""
        x = 0.0
        ink: list[Sign | Rule] = []
        for part in parts:
            ink.extend(part.moved(x, 0))
            x += part.width + space
        return Formula(
            x - space,
            max(p.above for p in parts),
            max(p.below for p in parts),
            tuple(ink),
            " ".join(p.latex for p in parts),
        )

    def atom(self, size: int) -> Formula:
        """A letter, a Greek letter or a number."""
        r = self._rng.random()
        if r < 0.55:
            letter = self._rng.choice("abcdefghiklmnpqrstuvwxyzABCDEFGHKLMNPQRSTVWXY")
            return self.sign(letter, letter, size, self._italic)
        if r < 0.75:
            letter, latex = self._rng.choice(list(GREEK.items()))
            return self.sign(letter, latex, size, find(SIGNS))
        number = str(self._rng.randint(0, 20))
        return self.sign(number, number, size, self._upright)

    def scripted(self, size: int) -> Formula:
        """An atom with an index, an exponent or both."""
        base, small = self.atom(size), max(5, round(size * 0.68))
        ink, latex, width, above, below = list(base.ink), base.latex, 0.0, base.above, base.below
        which = self._rng.choice(("_", "^", "_^"))
        if "_" in which:
            index = self.atom(small)
            ink += index.moved(base.width, size * 0.22)
            latex, width, below = f"{latex}_{{{index.latex}}}", index.width, below + size * 0.15
        if "^" in which:
            power = self.atom(small)
            ink += power.moved(base.width, -size * 0.38)
            latex, width, above = (
                f"{latex}^{{{power.latex}}}",
                max(width, power.width),
                above + size * 0.2,
            )
        return Formula(base.width + width, above, below, tuple(ink), latex)

    def fraction(self, size: int, depth: int) -> Formula:
        """One sum over another."""
        small = max(5, round(size * 0.85))
        top, bottom = self.sum(small, depth + 1, 2), self.sum(small, depth + 1, 2)
        width, axis = max(top.width, bottom.width) + size * 0.3, -size * 0.28
        ink = (
            *top.moved((width - top.width) / 2, axis - top.below - 2),
            Rule(0, axis, width),
            *bottom.moved((width - bottom.width) / 2, axis + bottom.above + 2),
        )
        above, below = top.above + top.below + 2 - axis, bottom.above + bottom.below + 2 + axis
        return Formula(width, above, below, ink, rf"\frac{{{top.latex}}}{{{bottom.latex}}}")

    def root(self, size: int, depth: int) -> Formula:
        """A square root."""
        inner = self.sum(size, depth + 1, 2)
        hook = self.sign("√", "", size, find(SIGNS))
        ink = (
            *hook.ink,
            Rule(hook.width, -inner.above - 1, inner.width),
            *inner.moved(hook.width, 0),
        )
        return Formula(
            hook.width + inner.width, inner.above + 3, inner.below, ink, rf"\sqrt{{{inner.latex}}}"
        )

    def big(self, size: int) -> Formula:
        """A sum, product or integral with limits."""
        letter, latex = self._rng.choice(list(BIG.items()))
        sign = self.sign(letter, latex, round(size * 1.5), find(SIGNS))
        small = max(5, round(size * 0.62))
        low, high = (
            self.row(
                [self.atom(small), self.sign("=", "=", small, self._upright), self.atom(small)], 0
            ),
            self.atom(small),
        )
        width = max(sign.width, low.width, high.width)
        ink = (
            *sign.moved((width - sign.width) / 2, size * 0.25),
            *low.moved((width - low.width) / 2, size * 1.25),
            *high.moved((width - high.width) / 2, -size * 1.15),
        )
        return Formula(
            width, size * 1.7, size * 1.45, ink, f"{latex}_{{{low.latex}}}^{{{high.latex}}}"
        )

    def term(self, size: int, depth: int) -> Formula:
        """A factor of some kind; the deeper, the plainer."""
        r = self._rng.random() + 0.35 * depth
        if r < 0.2:
            return self.fraction(size, depth)
        if r < 0.28:
            return self.root(size, depth)
        if r < 0.42:
            return self.row([self.big(size), self.scripted(size)], size * 0.15)
        return self.scripted(size) if r < 0.85 else self.atom(size)

    def sum(self, size: int, depth: int, count: int) -> Formula:
        """Terms with signs between them."""
        parts = [self.term(size, depth)]
        for _ in range(self._rng.randint(0, count)):
            sign, latex = self._rng.choice(list(BETWEEN.items()))
            parts += [self.sign(sign, latex, size, find(SIGNS)), self.term(size, depth)]
        return self.row(parts, size * 0.22)

    def inline(self, size: int) -> Formula:
        """Something short without limits or fractions."""
        parts = [self.scripted(size)]
        if self._rng.random() < 0.6:
            sign, latex = self._rng.choice(list(BETWEEN.items()))
            parts += [self.sign(sign, latex, size, find(SIGNS)), self.scripted(size)]
        return self.row(parts, size * 0.22)

    def equation(self, size: int, width: float) -> Formula:
        """A whole formula no wider than ``width``."""
        for count in (6, 4, 3, 2, 1, 0):
            equals = self.sign("=", "=", size, find(SIGNS))
            whole = self.row([self.scripted(size), equals, self.sum(size, 0, count)], size * 0.3)
            if whole.width <= width:
                return whole
        return self.scripted(size)


def worded(pen: Pen, column: Column) -> bool:
    """A paragraph in which formulas stand in place of some of its words."""
    rng, s = pen.rng, pen.style
    setting = Setting(s.body, s.ink, max(1.3, s.leading), "left")
    count = min(rng.randint(2, 6), int(column.height / setting.line))
    if count < 2 or column.width < 15 * s.size:
        return False
    setter = Typesetter(rng, s.family.italic, s.family.regular)
    lines = wrap(pen.topic.words(count * 14), setting, column.width)[:count]
    with pen.sheet.region("text"):
        for words, _ in lines:
            at = rng.randrange(len(words)) if rng.random() < 0.6 else -1
            _line(pen, (words, at, setter.inline(s.size)), column, setting)
    column.y += s.gap
    return True


def _line(pen: Pen, said: tuple[list[str], int, Formula], column: Column, setting: Setting) -> None:
    """Words, but the formula in place of the one at the index, as far as there is room."""
    words, at, inline = said
    done = []
    x, end = column.x, column.x + column.width
    baseline = column.y + setting.line * 0.5 + setting.face[1] * 0.35
    for i, word in enumerate(words):
        wide = inline.width if i == at else advance(*setting.face, word)
        if x + wide > end:
            break
        if i == at:
            with pen.sheet.region("inline_formula") as formula_region:
                formula_region.latex = inline.latex
                inline.paint(pen.sheet, x, baseline, setting.ink)
            x += wide
        else:
            x = pen.sheet.word(x, baseline, word, setting.face, setting.ink)
        done.append(rf"\({inline.latex}\)" if i == at else word)
        x += advance(*setting.face, " ")
    pen.sheet.current.lines.append(" ".join(done))
    column.y += setting.line


def formula(pen: Pen, column: Column) -> bool:
    """A displayed formula, with a number at the right in half of the cases."""
    rng, s = pen.rng, pen.style
    number = (
        f"({rng.choice((str(rng.randint(1, 40)), f'{rng.randint(1, 9)}.{rng.randint(1, 20)}'))})"
    )
    numbered = rng.random() < 0.55
    reserved = font(*s.body).getlength(number) + s.size if numbered else 0.0
    room = column.width - 2 * reserved
    if room < 8 * s.size:
        return False
    size = s.scaled(rng.choice((1, 1, 1.1)))
    setter = Typesetter(rng, s.family.italic, s.family.regular)
    rows = [setter.equation(size, room) for _ in range(rng.choice((1, 1, 1, 1, 2, 3)))]
    before = s.size * rng.uniform(0.2, 0.8)
    need = sum(r.above + r.below + s.size * 0.5 for r in rows) + 2 * before
    if need > column.height:
        return False
    column.y += before
    top = column.y
    centred = rng.random() < 0.8
    left = column.x + reserved + ((room - max(r.width for r in rows)) / 2 if centred else 0)
    with pen.sheet.region("display_formula") as region:
        region.latex = r" \\ ".join(r.latex for r in rows)
        for r in rows:
            r.paint(pen.sheet, left, column.y + r.above, s.ink)
            column.y += r.above + r.below + s.size * 0.5
    if numbered:
        with pen.sheet.region("formula_number") as region:
            region.lines.append(number)
            x = column.x + column.width - reserved + s.size
            pen.sheet.word(x, (top + column.y) / 2, number, s.body, s.ink)
    column.y += before
    return True
