# SPDX-License-Identifier: Apache-2.0
"""How one page is set: faces, sizes, spaces, colours, chosen once for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from pages.faces import Faces, Family
    from pages.sheet import Colour, Face, Sheet
    from pages.words import Topic

INKS: tuple[Colour, ...] = (
    (0, 0, 0),
    (0, 0, 0),
    (0, 0, 0),
    (20, 20, 20),
    (40, 40, 45),
    (70, 70, 70),
)
ACCENTS: tuple[Colour, ...] = (
    (0, 0, 0),
    (0, 0, 0),
    (30, 60, 120),
    (150, 25, 30),
    (20, 95, 60),
    (200, 90, 20),
    (90, 40, 120),
    (0, 110, 140),
)


@dataclass(frozen=True)
class Style:
    """Lengths are in pixels of the page."""

    family: Family
    heading_family: Family
    mono: str
    size: int  # of the body text, per em
    leading: float  # line height in ems
    justified: bool
    indent: float  # of a paragraph's first line
    gap: float  # between paragraphs
    ink: Colour
    accent: Colour
    heading_scale: float
    heading_face: str  # a field of Family
    heading_capitals: bool
    heading_centred: bool
    heading_numbered: bool
    heading_ruled: bool
    heading_shaded: bool

    @property
    def body(self) -> Face:
        """The face of running text."""
        return self.family.regular, self.size

    @property
    def line(self) -> float:
        """The height of a line of running text."""
        return self.size * self.leading

    def scaled(self, factor: float) -> int:
        """A font size relative to that of the body."""
        return pixels(self.size * factor)


def pixels(size: float) -> int:
    """A font size that is rendered: whole pixels, coarser the larger, so that words recur."""
    whole = max(6, round(size))
    return whole if whole < 20 else whole // 2 * 2 if whole < 40 else whole // 4 * 4


def choose(rng: random.Random, faces: Faces, dpi: float) -> Style:
    """A style for a page of ``dpi`` pixels per inch."""
    family = rng.choice(faces.families)
    points = rng.choice((8, 9, 9, 9.5, 10, 10, 10, 10.5, 11, 11, 12, 13))
    size = pixels(points * dpi / 72)
    separated = rng.choice(("gap", "gap", "indent", "both"))
    return Style(
        family=family,
        heading_family=family if rng.random() < 0.5 else rng.choice(faces.families),
        mono=rng.choice(faces.mono),
        size=size,
        leading=rng.uniform(1.12, 1.4) if rng.random() < 0.8 else rng.uniform(1.4, 1.8),
        justified=rng.random() < 0.55,
        indent=0.0 if separated == "gap" else size * rng.uniform(1.0, 2.2),
        gap=0.0 if separated == "indent" else size * rng.uniform(0.35, 1.1),
        ink=rng.choice(INKS),
        accent=rng.choice(ACCENTS),
        heading_scale=rng.choice((1, 1.1, 1.2, 1.3, 1.5, 1.7)),
        heading_face=rng.choice(("bold", "bold", "bold", "bold", "italic", "regular")),
        heading_capitals=rng.random() < 0.12,
        heading_centred=rng.random() < 0.15,
        heading_numbered=rng.random() < 0.45,
        heading_ruled=rng.random() < 0.1,
        heading_shaded=rng.random() < 0.07,
    )


@dataclass
class Column:
    """Free space: blocks are set at ``y`` and move it down; none goes below ``bottom``."""

    x: float
    y: float
    width: float
    bottom: float

    @property
    def height(self) -> float:
        """What is left."""
        return self.bottom - self.y


@dataclass(frozen=True)
class Pen:
    """What every block needs."""

    sheet: Sheet
    style: Style
    topic: Topic

    @property
    def rng(self) -> random.Random:
        """The page's source of chance."""
        return self.sheet.rng
