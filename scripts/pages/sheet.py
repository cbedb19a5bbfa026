# SPDX-License-Identifier: Apache-2.0
"""A page being painted: pixels, and the regions whose boxes grow with the ink that is put on it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from pages.faces import glyphs

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

Colour = tuple[int, int, int]
Face = tuple[str, int]  # font file, pixels per em
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom excluded


class Place(IntEnum):
    """Where a region stands in the reading order whenever it was painted."""

    HEAD = 0
    BODY = 1
    FOOT = 2


@dataclass
class Region:
    """A region and its truth."""

    label: str
    place: Place
    box: Box | None = None  # None until there is ink
    lines: list[str] = field(default_factory=list)  # its text as it stands, line by line
    cells: list[list[str]] | None = None  # a table's rows
    latex: str | None = None  # a formula

    def cover(self, box: Box) -> None:
        """Grow by ``box``."""
        if self.box is None:
            self.box = box
        else:
            a, b = self.box, box
            self.box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


class Sheet:
    """A page being painted.

    Args:
        rng: Where everything random about the page comes from.
        size: Width and height in pixels.
        paper: Its colour.
        decorated: Whether to paint what belongs to no region (rules, shades). Tests leave it out.
    """

    def __init__(
        self, rng: random.Random, size: tuple[int, int], paper: Colour, *, decorated: bool = True
    ) -> None:
        self.rng = rng
        self.width, self.height = size
        self.paper = paper
        self.image = Image.new("RGB", size, paper)
        self.draw = ImageDraw.Draw(self.image)
        self.place = Place.BODY
        self.decorated = decorated
        self._regions: list[Region] = []
        self._open: list[Region] = []

    @contextmanager
    def region(self, label: str) -> Iterator[Region]:
        """What is painted inside belongs to a new region (and to those around it)."""
        region = Region(label, self.place)
        self._regions.append(region)
        self._open.append(region)
        yield region
        self._open.pop()

    @property
    def current(self) -> Region:
        """The innermost open region."""
        return self._open[-1]

    def regions(self) -> list[Region]:
        """The regions that have ink, in reading order, cut at the page's edges."""
        out = []
        for region in sorted(self._regions, key=lambda r: r.place):
            if region.box is None:
                continue
            x0, y0, x1, y1 = region.box
            region.box = (max(0, x0), max(0, y0), min(self.width, x1), min(self.height, y1))
            if region.box[2] > region.box[0] and region.box[3] > region.box[1]:
                out.append(region)
        return out

    def _mark(self, box: Box) -> None:
        for region in self._open:
            region.cover(box)

    def word(self, x: float, baseline: float, text: str, face: Face, ink: Colour) -> float:
        """Write ``text``; the x where what follows it would begin."""
        drawn = glyphs(*face, text)
        if drawn.mask is not None:
            left, top = round(x) + drawn.left, round(baseline) + drawn.top
            box = (left, top, left + drawn.mask.width, top + drawn.mask.height)
            self.image.paste(ink, box, drawn.mask)
            self._mark(box)
        return x + drawn.advance

    def fill(self, box: tuple[float, float, float, float], ink: Colour) -> None:
        """A filled rectangle, at least one pixel high and wide."""
        x0, y0 = round(box[0]), round(box[1])
        whole = (x0, y0, max(x0 + 1, round(box[2])), max(y0 + 1, round(box[3])))
        if self._open or self.decorated:
            self.image.paste(ink, whole)
            self._mark(whole)

    def frame(self, box: tuple[float, float, float, float], ink: Colour, thick: int = 1) -> None:
        """Four rules."""
        x0, y0, x1, y1 = box
        self.fill((x0, y0, x1, y0 + thick), ink)
        self.fill((x0, y1 - thick, x1, y1), ink)
        self.fill((x0, y0, x0 + thick, y1), ink)
        self.fill((x1 - thick, y0, x1, y1), ink)

    def picture(
        self, image: Image.Image, x: float, y: float, mask: Image.Image | None = None
    ) -> None:
        """Put a picture; with ``mask``, only where that is set."""
        left, top = round(x), round(y)
        ink = (0, 0, *image.size) if mask is None else mask.getbbox()
        if ink is None:
            return
        self.image.paste(image, (left, top), mask)
        self._mark((left + ink[0], top + ink[1], left + ink[2], top + ink[3]))
