# SPDX-License-Identifier: Apache-2.0
"""Help for small models: boxes are drawn to the ink, and ink in no region gets a region.

Nothing of this is in the official pipeline. Which of it is done, the model's file says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ppocrvl.images.components import connected
from ppocrvl.images.ink import ink_mask
from ppocrvl.images.lines import RULE, line_pieces
from ppocrvl.layout.region import Region
from ppocrvl.layout.shapes import rectangle_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OWNED = 0.5
"""Of a piece of a line, the share that lies in a region from which on it belongs to it."""
MAX_PIECES = 1500
"""The largest pieces are looked at; a page has no more words, dust has."""

ENOUGH = 1000
"""Pixels of a page's shorter side; from twice as many on, a page is looked at smaller."""

# In heights of a letter:
_LEAST_SIDE = 0.5  # of a piece that is not dust
_LINE_GAP = 1.4  # between two lines of a block
_PIECE_GAP = 3.0  # between two pieces of a line
_FIGURE = 6.0  # higher than a line can be

_SHADOW = 0.4  # of a side of the page: a piece at its edge that is longer is a shadow
_HOLLOW = 0.03  # share of ink in the box of a frame


@dataclass(frozen=True, slots=True)
class PageInk:
    """What there is to see on a page.

    Attributes:
        mask: bool [h, w].
        letter: usual height of a letter in pixels.
        pieces: int64 [n, 4]: boxes of parts of lines, rules and figures, without dust.
    """

    mask: NDArray[np.bool_]
    letter: float
    pieces: NDArray[np.int64]


def look(pixels: NDArray[np.uint8]) -> PageInk:
    """Find the ink; of a large page in means of some pixels, so that boxes are as coarse.

    Args:
        pixels: uint8 [h, w, 3], RGB.
    """
    height, width = pixels.shape[:2]
    factor = max(1, min(height, width) // ENOUGH)
    mask = ink_mask(np.asarray(Image.fromarray(pixels).reduce(factor)))
    pieces, letter = line_pieces(mask)
    mask = mask.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
    pieces = np.minimum(pieces * factor, (width, height, width, height))
    letter *= factor
    sides = pieces[:, 2:] - pieces[:, :2]
    pieces = pieces[sides.max(axis=1, initial=0) >= _LEAST_SIDE * letter]
    areas = (pieces[:, 2:] - pieces[:, :2]).prod(axis=1)
    largest = np.sort(np.argsort(-areas, kind="stable")[:MAX_PIECES])
    return PageInk(mask, letter, pieces[largest])


def snapped(regions: Sequence[Region], ink: PageInk) -> list[Region]:
    """Each box around the pieces that belong to its region, be they cut by it or within it.

    A piece belongs to the region that has most of it, if that is half. Regions that no piece
    belongs to, and those that are no rectangles, stay as they are.
    """
    if not regions:
        return []
    boxes = np.array([region.box for region in regions], np.int64)
    shares = _shares(ink.pieces, boxes)
    owners = np.argmax(shares, axis=1)
    is_owned = shares.max(axis=1) >= OWNED
    found = []
    for i, region in enumerate(regions):
        own = ink.pieces[is_owned & (owners == i)]
        if len(own) == 0 or not _is_rectangle(region):
            found.append(region)
        else:
            found.append(_with_box(region, _hull(own)))
    return found


def with_uncovered(regions: Sequence[Region], ink: PageInk) -> list[Region]:
    """The regions, and new ones for ink that none of them covers, in their places in the order.

    New regions have the class "text", or "image" where the ink is higher than lines are, and score
    0: no model has seen them.
    """
    found = list(regions)
    for box, label in _new_blocks(regions, ink):
        new = _with_box(Region(label, 0.0, (0, 0, 0, 0), (), 0), box)
        found.insert(_place(new, found), new)
    return [replace(region, order=order) for order, region in enumerate(found)]


def _new_blocks(regions: Sequence[Region], ink: PageInk) -> list[tuple[NDArray[np.int64], str]]:
    """Boxes and classes, from top to bottom."""
    bare = ink.mask.copy()
    for x0, y0, x1, y1 in (region.box for region in regions):
        bare[y0:y1, x0:x1] = False
    totals, left = _counts(ink.mask, ink.pieces), _counts(bare, ink.pieces)
    pieces = ink.pieces[(left > OWNED * totals) & _may_be_read(ink, totals)]
    blocks = []
    owners = _grouped(pieces, ink.letter)
    for owner in np.unique(owners):
        own = pieces[owners == owner]
        is_figure = bool(((own[:, 3] - own[:, 1]) > _FIGURE * ink.letter).any())
        blocks.append((_hull(own), "image" if is_figure else "text"))
    return sorted(blocks, key=lambda block: (int(block[0][1]), int(block[0][0])))


def _may_be_read(ink: PageInk, totals: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each piece, whether it is no rule, frame or shadow of the sheet's edge."""
    height, width = ink.mask.shape
    pieces = ink.pieces
    sides = pieces[:, 2:] - pieces[:, :2]
    is_thin = sides.min(axis=1, initial=2**31) < RULE * ink.letter
    is_hollow = (totals < _HOLLOW * sides.prod(axis=1)) & (sides > _FIGURE * ink.letter).all(axis=1)
    at_edge = (pieces[:, :2] <= 1).any(axis=1) | (pieces[:, 2:] >= (width - 1, height - 1)).any(
        axis=1
    )
    is_shadow = at_edge & (sides > (_SHADOW * width, _SHADOW * height)).any(axis=1)
    return np.asarray(~(is_thin | is_hollow | is_shadow))


def _grouped(pieces: NDArray[np.int64], letter: float) -> NDArray[np.int64]:
    """Of each piece which block it belongs to: beside another one in a line, or below it."""
    x0, y0, x1, y1 = (side[:, None] for side in pieces.astype(np.int32).T)
    across = np.maximum(x0, x0.T) - np.minimum(x1, x1.T)  # gaps; negative where they overlap
    down = np.maximum(y0, y0.T) - np.minimum(y1, y1.T)
    widths, heights = x1 - x0, y1 - y0
    narrower, lower = np.minimum(widths, widths.T), np.minimum(heights, heights.T)
    is_alike = np.maximum(heights, heights.T) <= 2 * lower
    beside = (-down > 0.5 * lower) & (across <= _PIECE_GAP * letter)
    below = (-across > 0.5 * narrower) & (down <= _LINE_GAP * letter) & is_alike
    return connected(len(pieces), *np.nonzero(beside | below))


def _place(new: Region, regions: Sequence[Region]) -> int:
    """Where a region comes among those in reading order: next to one of the same column.

    After the nearest one above it; if there is none, before the nearest below; if there is none
    either, before the first that begins lower.
    """
    x0, y0, x1, y1 = new.box
    middle = (y0 + y1) / 2
    above: list[tuple[float, int]] = []
    below: list[tuple[float, int]] = []
    for i, region in enumerate(regions):
        left, top, right, bottom = region.box
        shared = min(x1, right) - max(x0, left)
        if shared > 0.5 * min(x1 - x0, right - left):
            if (top + bottom) / 2 <= middle:
                above.append((y0 - bottom, -i))
            else:
                below.append((top - y1, i))
    if above:
        return 1 - min(above)[1]
    if below:
        return min(below)[1]
    lower = [i for i, region in enumerate(regions) if region.box[1] > y0]
    return lower[0] if lower else len(regions)


def _shares(pieces: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each piece the share that lies in each box, [n pieces, n boxes]."""
    upper = np.maximum(pieces[:, None, :2], boxes[None, :, :2])
    lower = np.minimum(pieces[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(lower - upper, 0).prod(axis=2)
    return np.asarray(shared / (pieces[:, 2:] - pieces[:, :2]).prod(axis=1)[:, None])


def _counts(mask: NDArray[np.bool_], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Set pixels in each box."""
    # Box by box: a table of sums costs a page's pixels ten times over, boxes cover them once or so.
    counts = (np.count_nonzero(mask[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes.tolist())
    return np.fromiter(counts, np.int64, len(boxes))


def _hull(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)))


def _is_rectangle(region: Region) -> bool:
    corners = rectangle_of(np.array(region.box, np.int64))
    return np.array_equal(np.array(region.polygon), corners)


def _with_box(region: Region, box: NDArray[np.int64]) -> Region:
    x0, y0, x1, y1 = box.tolist()
    polygon = tuple((float(x), float(y)) for x, y in rectangle_of(box))
    return replace(region, box=(x0, y0, x1, y1), polygon=polygon)
