# SPDX-License-Identifier: Apache-2.0
"""Displayed formulas and their LaTeX, set by the pages' typesetter or by matplotlib's mathtext."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from pages.faces import advance
from pages.formulas import Rule, Sign, Typesetter
from tiny import fonts
from tiny.alphabet import BLANK, CLASS
from tiny.render import UNPLACED, Page, Unit

if TYPE_CHECKING:
    import random

    from pages.formulas import Formula
    from tiny.families import Shelf

MATHTEXT = ("cm", "stix", "stixsans", "dejavuserif", "dejavusans")
SHARE = 0.5  # of formulas that mathtext sets: other shapes, five times as slow
_TOKEN = re.compile(r"\\[A-Za-z]+|.", re.DOTALL)


def units(latex: str) -> list[Unit]:
    """The characters of ``latex``; nobody says where they are read from."""
    return [*(Unit(c, UNPLACED, 0.0, BLANK) for c in latex), Unit("</s>", UNPLACED, 0.0, BLANK)]


def formula(rng: random.Random, shelf: Shelf, most_cells: float) -> Page:
    """A formula of at most ``most_cells`` image tokens."""
    family = rng.choice(shelf.families)
    while True:
        size = rng.choice((rng.randint(12, 24), rng.randint(18, 40)))
        setter = Typesetter(rng, family.italic, family.regular)
        made = setter.equation(size, size * rng.choice((8, 14, 22, 30)))
        if made.width * (made.above + made.below) / 784 <= most_cells:
            break
    if rng.random() < SHARE:
        return _by_mathtext(rng, made.latex, size)
    return _painted(rng, made, size, family.italic)


def _painted(rng: random.Random, made: Formula, size: int, face: str) -> Page:
    left, top = rng.uniform(1, 8), rng.uniform(1, 8)
    width, height = made.width + left + rng.uniform(1, 8), made.above + made.below + top + 4
    ink = Image.new("L", (round(width), round(height)))
    draw = ImageDraw.Draw(ink)
    seen: list[Unit] = []
    for one in made.moved(left, top + made.above):
        if isinstance(one, Rule):
            draw.line((one.x, one.y, one.x + one.width, one.y), 255, max(1, size // 20))
        else:
            seen += _sign(draw, one)
    told = units(made.latex)
    return Page(ink, told, width, height, face.rsplit("/", 1)[-1], size, seen)


def _sign(draw: ImageDraw.ImageDraw, one: Sign) -> list[Unit]:
    path, size = one.face
    draw.text((one.x, one.y), one.text, font=fonts.face(path, size), fill=255, anchor="ls")
    out, x = [], one.x
    middle = fonts.metrics(path).at(size).middle
    for c in one.text:
        wide = advance(path, size, c)
        if c in CLASS:
            out.append(Unit(c, x + wide / 2, one.y + middle, CLASS[c]))
        x += wide
    return out


@cache
def _parser() -> Any:  # noqa: ANN401 - matplotlib has no types
    from matplotlib.mathtext import MathTextParser  # noqa: PLC0415 - slow to load

    return MathTextParser("agg")


def _by_mathtext(rng: random.Random, latex: str, size: int) -> Page:
    """The same formula in one of matplotlib's sets of faces."""
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415

    prop = FontProperties(math_fontfamily=rng.choice(MATHTEXT), size=size)
    shown = _parser().parse(f"${latex}$", dpi=72, prop=prop)
    ink = Image.fromarray(np.asarray(shown.image))
    pad = rng.randint(2, 8)
    whole = Image.new("L", (ink.width + 2 * pad, ink.height + 2 * pad))
    whole.paste(ink, (pad, pad))
    return Page(whole, units(latex), whole.width, whole.height, "mathtext", size, [])


def normalised(latex: str) -> str:
    """LaTeX as it is compared: without spaces that mean nothing and braces around one token."""
    tokens = [t for t in _TOKEN.findall(latex) if not t.isspace()]
    said = " ".join(tokens)
    return re.sub(r"\{ (\\[A-Za-z]+|[^{}\s]) \}", r"\1", said)
