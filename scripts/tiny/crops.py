# SPDX-License-Identifier: Apache-2.0
"""Regions cut out of painted pages, as a layout model cuts them.

The pages know their text line by line, but not where its letters are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pages.maker import make
from ppocrvl.images.lines import find_lines
from ppocrvl.parsing.strips import rows_of, strips
from tiny.alphabet import BLANK, known
from tiny.render import UNPLACED, Page, Unit

if TYPE_CHECKING:
    import random

    from PIL import Image

    from pages.maker import Page as Sheet
    from pages.sheet import Region

DPI = (100, 110, 144, 144, 150, 200)
LABELS = frozenset(
    (
        *("text", "doc_title", "paragraph_title", "abstract", "content", "figure_title"),
        *("footnote", "header", "footer", "number", "reference_content", "algorithm"),
        *("vision_footnote", "aside_text", "formula_number"),
    )
)
MOST_LINES = 8


def lines_of(region: Region) -> list[str] | None:
    """The lines of a region as a reader gives them; None if it is not for one."""
    said = [" ".join(line.split()) for line in region.lines]
    if region.label not in LABELS or not region.box or not said:
        return None
    if not all(line and known(line) and "\\(" not in line for line in said):
        return None
    return said


def picture_of(page: Sheet, region: Region, pad: int = 0) -> Image.Image:
    """What a region's box shows, with ``pad`` pixels of what is around it."""
    assert region.box is not None
    x0, y0, x1, y1 = region.box
    w, h = page.image.size
    return page.image.crop((max(0, x0 - pad), max(0, y0 - pad), min(w, x1 + pad), min(h, y1 + pad)))


def cut(picture: Image.Image, lines: list[str], most: int) -> list[tuple[Image.Image, str]]:
    """Strips of ``most`` lines, cut as ``ppocrvl parse`` does; none where it finds other lines."""
    if len(lines) <= most:
        return [(picture, "\n".join(lines))]
    rows = rows_of(find_lines(np.asarray(picture.convert("RGB"))))
    if len(rows) != len(lines):
        return []
    edges = strips(rows, picture.height, most)
    firsts = [len(rows) * i // len(edges) for i in range(len(edges) + 1)]
    return [
        (picture.crop((0, a, picture.width, b)), "\n".join(lines[firsts[i] : firsts[i + 1]]))
        for i, (a, b) in enumerate(edges)
    ]


def crop(rng: random.Random, *, held_out: bool) -> tuple[Image.Image, Page]:
    """A region of a painted page, or a strip of it, and what is to be read; RGB."""
    while True:
        page = make(f"crop {rng.getrandbits(48)}", held_out=held_out, dpis=DPI)
        found = [(r, said) for r in page.regions if (said := lines_of(r))]
        rng.shuffle(found)
        for region, said in found[:4]:
            shown = picture_of(page, region, rng.choice((0, 0, 1, 2, 4)))
            parts = cut(shown, said, rng.choice((1, 2, 4, MOST_LINES)))
            if parts:
                picture, told = rng.choice(parts)
                units = [Unit(c, UNPLACED, 0.0, BLANK) for c in (*told, "</s>")]
                size = picture.size
                return picture, Page(picture.convert("L"), units, *size, page.template, 0, [])
