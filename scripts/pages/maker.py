# SPDX-License-Identifier: Apache-2.0
"""A whole page from a seed: template, size, paper, style; the same seed gives the same page."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages import held_out as unseen
from pages import office, printed
from pages.faces import faces
from pages.sheet import Colour, Region, Sheet
from pages.style import Pen, choose
from pages.words import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

    Template = Callable[[Pen], None]

PORTRAIT = (
    (8.27, 11.69),
    (8.27, 11.69),
    (8.27, 11.69),
    (8.5, 11),
    (8.5, 11),
    (7, 10),
    (6, 9),
    (5.5, 8.5),
    (8.5, 14),
    (8, 9),
)
SMALL = ((5, 8), (5.5, 8.5), (6, 9), (6, 9), (7, 10))
DPI = (72, 80, 90, 100, 110)
WIDE = ((10, 5.63), (10, 7.5), (11, 8.5))
LEAFLET = ((8.27, 11.69), (11.69, 8.27), (11, 8.5), (8.5, 11))


@dataclass(frozen=True)
class Kind:
    """A template, its share of the pages, page sizes in inches, how much larger its type is."""

    paint: Template
    share: float
    sizes: tuple[tuple[float, float], ...] = PORTRAIT
    enlarged: float = 1.0


TRAIN = (
    Kind(printed.article, 44),
    Kind(printed.book, 9, SMALL),
    Kind(printed.listing, 7),
    Kind(printed.magazine, 11),
    Kind(printed.leaflet, 6, LEAFLET),
    Kind(office.letter, 7),
    Kind(office.invoice, 6),
    Kind(office.form, 6),
    Kind(office.slide, 7, WIDE, 2.0),
    Kind(office.poster, 3),
    Kind(office.certificate, 3),
)
HELD_OUT = (
    Kind(unseen.newsletter, 1),
    Kind(unseen.examination, 1),
    Kind(unseen.datasheet, 1),
    Kind(unseen.minutes, 1),
    Kind(unseen.proceedings, 1.5),
    Kind(unseen.outline, 1),
)
PAPERS: tuple[Colour, ...] = ((255, 255, 255),) * 7 + (
    (252, 250, 244),
    (246, 240, 226),
    (240, 244, 248),
)


@dataclass(frozen=True)
class Page:
    """A painted page and its regions in reading order."""

    image: Image.Image
    paper: Colour
    regions: list[Region]
    template: str
    dpi: float


def make(
    seed: str, *, held_out: bool = False, decorated: bool = True, dpis: Sequence[int] = DPI
) -> Page:
    """The page of ``seed``, clean, in RGB.

    Args:
        seed: Any text. Pages of different seeds are independent.
        held_out: Templates and faces of the evaluation instead of those of training.
        decorated: See ``Sheet``.
        dpis: Pixels per inch to choose from.
    """
    rng = random.Random(seed)
    kinds = HELD_OUT if held_out else TRAIN
    kind = rng.choices(kinds, [k.share for k in kinds])[0]
    dpi = rng.choice(dpis)
    width, height = rng.choice(kind.sizes)
    size = (round(width * dpi), round(height * dpi))
    sheet = Sheet(rng, size, rng.choice(PAPERS), decorated=decorated)
    style = choose(rng, faces(held_out=held_out), dpi * kind.enlarged)
    kind.paint(Pen(sheet, style, Topic(rng)))
    return Page(sheet.image, sheet.paper, sheet.regions(), kind.paint.__name__, dpi)
