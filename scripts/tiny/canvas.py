# SPDX-License-Identifier: Apache-2.0
"""Words put on a canvas in any style, each character with the point that it is read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from pages.faces import SIGNS, find
from tiny import fonts
from tiny.alphabet import CLASS, END_OF_LINE
from tiny.render import Page, Unit

SMALL_CAPITAL = 0.78  # height of a small capital, of a capital
RAISED, RAISED_SIZE = 0.36, 0.62  # of a superscript figure, in ems
FIGURES = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))


@dataclass(frozen=True)
class Style:
    """How words are set. Lengths are in pixels of the canvas."""

    face: str
    size: int  # per em
    tracking: float = 0.0  # further space after every letter
    small_capitals: bool = False
    rule: str = ""  # "under", "through"
    ink: int = 255  # coverage


@dataclass(frozen=True)
class Word:
    """A word and how it is set."""

    text: str
    style: Style


def set_in(text: str, style: Style) -> Word:
    """A word in ``style``; in the face of signs if its own lacks a character."""
    have = fonts.characters(style.face)
    missing = any(c not in have for c in text if c not in FIGURES)
    return Word(text, replace(style, face=find(SIGNS)) if missing else style)


class Advances(dict[str, float]):
    """How far the letters of a face move the pen at a size, where hinting rounds."""

    def __init__(self, face: str, size: int) -> None:
        super().__init__()
        self._font = fonts.face(face, size)
        self.middle = fonts.metrics(face).middle * size  # of a small letter, from the baseline

    def __missing__(self, letter: str) -> float:
        found: float = self._font.getlength(letter)
        self[letter] = found
        return found

    def of(self, text: str) -> float:
        """The sum over a text, kerning aside."""
        return sum([self[c] for c in text])


@lru_cache(maxsize=400)
def advances(face: str, size: int) -> Advances:
    """The advances of a face at ``size`` pixels per em."""
    return Advances(face, size)


def _pieces(word: Word) -> list[tuple[str, str, int, float]]:
    """Parts of a word that are drawn at once: what is drawn, what it says, size, how raised."""
    style, have = word.style, fonts.characters(word.style.face)
    if not style.small_capitals and not FIGURES.keys() & set(word.text):
        return [(word.text, word.text, style.size, 0.0)]
    out: list[tuple[str, str, int, float]] = []
    for c in word.text:
        if c in FIGURES and (c not in have or style.size % 2):
            out.append((FIGURES[c], c, max(5, round(style.size * RAISED_SIZE)), RAISED))
        elif style.small_capitals and len(c.upper()) == 1 and c.upper() != c and c.upper() in CLASS:
            out.append((c.upper(), c, max(5, round(style.size * SMALL_CAPITAL)), 0.0))
        else:
            out.append((c, c, style.size, 0.0))
    return out


def width(word: Word) -> float:
    """About how far a word moves the pen, kerning aside."""
    style = word.style
    parts = sum(advances(style.face, size).of(shown) for shown, _, size, _ in _pieces(word))
    return parts + style.tracking * len(word.text)


class Canvas:
    """Ink on a canvas of ``width`` x ``height`` pixels, drawn at ``scale`` times that."""

    def __init__(self, width: float, height: float, scale: int, *, shaped: bool) -> None:
        self.width, self.height, self.scale = width, height, scale
        self.ink = Image.new("L", (round(width * scale), round(height * scale)))
        self.units: list[Unit] = []
        self.extent = 0.0  # how far to the right there is text to be read
        self._draw = ImageDraw.Draw(self.ink)
        self._shaped = shaped  # by HarfBuzz: with ligatures and kerning

    def word(self, x: float, baseline: float, word: Word, *, told: bool = True) -> float:
        """Write a word; the x where it ends. Only if ``told``, it is part of what is read."""
        style, start = word.style, x
        for shown, said, size, raised in _pieces(word):
            step = shown if not style.tracking else ""
            for i in range(1 if step else len(shown)):
                a, b = (step, said) if step else (shown[i], said[i])
                x = self._run(x, baseline - raised * style.size, (a, b), (style, size), told=told)
                x += style.tracking
        if style.rule:
            y = baseline + style.size * (0.14 if style.rule == "under" else -0.25)
            self.rule((start, y, x - style.tracking, y), style.ink, max(1, style.size // 18))
        return x - style.tracking

    def _run(
        self,
        x: float,
        baseline: float,
        texts: tuple[str, str],
        how: tuple[Style, int],
        *,
        told: bool,
    ) -> float:
        """Letters drawn at once; ``texts`` is what is drawn and what it says, letter by letter."""
        (shown, said), (style, size) = texts, how
        font = fonts.face(style.face, size * self.scale, raqm=self._shaped)
        at = (x * self.scale, baseline * self.scale)
        self._draw.text(at, shown, font=font, fill=style.ink, anchor="ls")
        length = font.getlength(shown) / self.scale
        if told:
            measures = advances(style.face, size)
            advance = np.array([measures[c] for c in shown])
            ends = np.cumsum(advance) * (length / max(float(advance.sum()), 1e-3))
            middles = (x + ends - advance / 2).tolist()
            y = baseline + measures.middle
            self.units += [Unit(c, m, y, CLASS[c]) for c, m in zip(said, middles, strict=True)]
            self.extent = max(self.extent, x + length)
        return x + length

    def space(self, x: float, y: float) -> None:
        """A space that is read at (x, y)."""
        self.units.append(Unit(" ", x, y, CLASS[" "]))

    def end(self, token: str, size: float) -> None:
        """The mark for "nothing follows on this line", a little right of what is there."""
        last = self.units[-1]
        self.units.append(Unit(token, last.x + 0.5 * size, last.y, END_OF_LINE))

    def rule(self, ends: tuple[float, float, float, float], ink: int, thick: float) -> None:
        """A straight rule."""
        scaled = [v * self.scale for v in ends]
        self._draw.line(scaled, ink, max(1, round(thick * self.scale)))

    def fill(self, box: tuple[float, float, float, float], ink: int) -> None:
        """A shade; whatever is written afterwards covers it only where it is darker."""
        self._draw.rectangle([v * self.scale for v in box], ink)

    def narrowed(self, width: float) -> None:
        """Cut the canvas at ``width``."""
        self.width = width
        self.ink = self.ink.crop((0, 0, round(width * self.scale), self.ink.height))
        self._draw = ImageDraw.Draw(self.ink)

    def page(self, face: str, size: int) -> Page:
        """What has been drawn."""
        return Page(self.ink, self.units, self.width, self.height, face.rsplit("/", 1)[-1], size)
