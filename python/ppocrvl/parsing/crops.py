# SPDX-License-Identifier: Apache-2.0
"""The picture of a block: cut out of its page, white where the block is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Box, Polygon
    from ppocrvl.parsing.merging import Align

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""RGB, [height, width, 3]."""

_WHITE = 255
_INK_BELOW = 201
"""Brightness, stretched to 0..255, from which on `crop_margin` sees paper."""


def clipped(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies on a page of so many pixels; empty boxes stay empty."""
    x0, y0, x1, y1 = box
    x0, y0 = min(max(x0, 0), width), min(max(y0, 0), height)
    return x0, y0, max(x0, min(x1, width)), max(y0, min(y1, height))


def crop(page: Pixels, box: Box, polygon: Polygon = ()) -> Pixels:
    """A copy of a part of a page, white outside the polygon (PaddleX `CropByBoxes`).

    Args:
        page: of uint8 [height, width, 3].
        box: lies on the page.
        polygon: in pixels of the page; its outline belongs to the inside. Fewer than three points
            stand for the whole box.

    Returns:
        Of uint8 [y1 - y0, x1 - x0, 3].
    """
    x0, y0, x1, y1 = box
    pixels = page[y0:y1, x0:x1].copy()
    if pixels.size and len(polygon) > 2 and not _is_rectangle(polygon, box):
        mask = Image.new("1", (x1 - x0, y1 - y0))
        # OpenCV's fillPoly gets whole numbers, cut off towards zero.
        outline = [(int(x) - x0, int(y) - y0) for x, y in polygon]
        draw = ImageDraw.Draw(mask)
        draw.polygon(outline, fill=1)
        draw.line([*outline, outline[0]], fill=1)
        pixels[~np.asarray(mask)] = _WHITE
    return pixels


def _is_rectangle(polygon: Polygon, box: Box) -> bool:
    x0, y0, x1, y1 = box
    return set(polygon) == {(x0, y0), (x1, y0), (x1, y1), (x0, y1)}


def without_margin(pixels: Pixels) -> Pixels:
    """The part of a picture that holds ink (PaddleX `crop_margin`).

    The picture as it is where all of it is equally bright, or less than three pixels would be left
    in a direction.
    """
    grey = _grey(pixels)
    darkest, brightest = int(grey.min()), int(grey.max())
    if darkest == brightest:
        return pixels
    # Truncated towards zero, as the official table of 256 values is.
    stretched = ((grey.astype(np.float64) - darkest) / (brightest - darkest) * 255).astype(np.uint8)
    ink = stretched < _INK_BELOW
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    inside = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return inside if min(inside.shape[:2]) > 2 else pixels


def _grey(pixels: Pixels) -> npt.NDArray[np.int64]:
    """Brightness 0..255, with the weights and the rounding of OpenCV's BGR2GRAY (15 bits)."""
    red, green, blue = (pixels[..., i].astype(np.int64) for i in range(3))
    return (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15


@dataclass(frozen=True, slots=True)
class Stack:
    """Pictures one under the other on white, as one picture.

    Attributes:
        pixels: of uint8 [height, width, 3].
        places: (x, y) of each picture's upper left corner.
        heights: of the pictures.
    """

    pixels: Pixels
    places: tuple[tuple[int, int], ...]
    heights: tuple[int, ...]

    def part_at(self, row: float) -> int:
        """Which picture holds a row of pixels."""
        part = 0
        while part + 1 < len(self.places) and row >= self.places[part + 1][1]:
            part += 1
        return part


def stack(pictures: Sequence[Pixels], aligns: Sequence[Align] = ()) -> Stack:
    """Stack pictures (PaddleX `merge_images`).

    Args:
        pictures: at least one, each of uint8 [h, w, 3].
        aligns: how each after the first stands under all before it.
    """
    if len(pictures) == 1:
        return Stack(pictures[0], ((0, 0),), (pictures[0].shape[0],))
    lefts, width = [0], pictures[0].shape[1]
    for picture, align in zip(pictures[1:], aligns, strict=True):
        own = picture.shape[1]
        wider = max(width, own)
        lefts = [left + _shift(align, wider - width) for left in lefts]
        lefts.append(_shift(align, wider - own))
        width = wider
    heights = tuple(picture.shape[0] for picture in pictures)
    canvas = np.full((sum(heights), width, 3), _WHITE, np.uint8)
    tops = [sum(heights[:i]) for i in range(len(heights))]
    for picture, left, top in zip(pictures, lefts, tops, strict=True):
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return Stack(canvas, tuple(zip(lefts, tops, strict=True)), heights)


def _shift(align: Align, room: int) -> int:
    return {"left": 0, "center": room // 2, "right": room}[align]
