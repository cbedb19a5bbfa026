# SPDX-License-Identifier: Apache-2.0
"""Pages that lie on their side or on their head, found by their lines of text.

Across lines of text, ink and paper change sharply and often; along them they do not. That tells
whether lines are horizontal. Which side is up, the letters tell: in scripts with ascenders, more
ink stands above the height of an x than below its foot. Scripts without, as Chinese, are never
turned on their head, nor is a page with few lines turned at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ppocrvl.parsing.crops import Pixels

Rotation: TypeAlias = Literal[0, 90, 180, 270]
"""Degrees clockwise."""

_LONGER_SIDE = 1600
"""Pixels to which a page is reduced: letters are some ten pixels high then."""
_N_STRIPS = 8
"""Lines of neighbouring columns need not be level, so a page is looked at in strips."""
_GREATEST_CHANGE = 0.3
"""Of a strip's width: what changes more is the edge of a figure, not of a line of text."""
_QUIET = 0.02
"""Of a strip's width: less ink than this in a row is dust."""
_PATCH = 96
"""Pixels of the reduced page in which the paper is taken to be equally bright."""
_BRIGHT = 0.75
"""Share of a patch's pixels that are darker than its paper, or as bright."""
_DARK = 64
"""How much darker than the paper ink is, of 255."""
_BALANCE_WEIGHT = 1.0
"""Of a clear difference of above and below, beside the logarithm of the sharpness."""
_SIDEWAYS = 0.35
"""Sum of both from which on a page lies on its side; measured, see docs/parsing.md."""
_LEAST_LINES = 12
"""Pieces of lines in all strips, below which nothing is said."""
_CORE = 0.5
"""Of a line's fullest row: rows above this are those between the foot and the height of an x."""
_LEAST_OUTSIDE = 0.05
"""Of a line's ink above and below: what less says is little. Capitals and figures have 0.01."""
_HEIGHTS = (5, 80)
"""Least and greatest height of a line in pixels of the reduced page."""
_ON_ITS_HEAD = -0.2
"""Balance of ink above and below, from -1 to 1, under which a page stands on its head."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lines of a page say, taken as horizontal.

    Attributes:
        sharpness: how much ink changes from row to row.
        balance: (above - below) / (above + below) of the ink outside the height of an x; nearer to
            0 where there is little of it.
        n_lines: pieces of lines, but for those of the fullest strip: a line's letters, one under
            the other, are not many lines.
    """

    sharpness: float
    balance: float
    n_lines: int


def page_rotation(pixels: Pixels) -> Rotation:
    """How far a page must be turned clockwise to stand upright; 0 where that is not clear.

    Args:
        pixels: of the page, uint8 [height, width, 3].
    """
    ink = _ink(pixels)
    upright, sideways = lines_of(ink), lines_of(np.rot90(ink, -1))
    sharper = math.log((sideways.sharpness or 1.0) / (upright.sharpness or 1.0))
    clearer = abs(sideways.balance) - abs(upright.balance)
    if sideways.n_lines >= _LEAST_LINES and sharper + _BALANCE_WEIGHT * clearer > _SIDEWAYS:
        return 90 if sideways.balance >= 0 else 270
    if upright.n_lines >= _LEAST_LINES and upright.balance < _ON_ITS_HEAD:
        return 180
    return 0


def turned(pixels: Pixels, rotation: Rotation) -> Pixels:
    """The page turned clockwise."""
    return np.ascontiguousarray(np.rot90(pixels, -rotation // 90))


def _ink(pixels: Pixels) -> npt.NDArray[np.float32]:
    """How much ink there is, 0 to 1, on the page reduced by a whole number."""
    grey = pixels.mean(axis=2, dtype=np.float32)
    factor = max(1, round(max(grey.shape) / _LONGER_SIDE))
    height, width = (side - side % factor for side in grey.shape)
    if factor > 1:
        blocks = grey[:height, :width].reshape(height // factor, factor, width // factor, factor)
        grey = blocks.mean(axis=(1, 3))
    if np.median(grey) < 128:  # light letters on a dark page
        grey = 255 - grey
    ink: npt.NDArray[np.float32] = (_paper(grey) - grey > _DARK).astype(np.float32)
    return ink


def _paper(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How bright the paper is at each pixel: the light of a scan or a photo changes over a page."""
    height, width = grey.shape
    tall, wide = -(-height // _PATCH), -(-width // _PATCH)
    full = np.pad(grey, ((0, tall * _PATCH - height), (0, wide * _PATCH - width)), mode="edge")
    patches = np.quantile(full.reshape(tall, _PATCH, wide, _PATCH), _BRIGHT, axis=(1, 3))
    smooth = patches.astype(np.float32).repeat(_PATCH, axis=0).repeat(_PATCH, axis=1)
    return smooth[:height, :width]


def lines_of(ink: npt.NDArray[np.float32]) -> Lines:
    """What the lines of a page say.

    Args:
        ink: float32 [height, width], 0 to 1.
    """
    sharpness = above = below = total = 0.0
    counts = [0]
    for strip in np.array_split(ink, _N_STRIPS, axis=1):
        profile = strip.mean(axis=1) if strip.size else np.zeros(0, np.float32)
        changes = np.clip(np.diff(profile), -_GREATEST_CHANGE, _GREATEST_CHANGE)
        sharpness += float(np.square(changes).sum()) * strip.shape[1]
        bands = _bands(profile)
        counts.append(len(bands))
        for band in bands:
            core = np.flatnonzero(band > _CORE * band.max())
            above += float(band[: core[0]].sum())
            below += float(band[core[-1] + 1 :].sum())
            total += float(band.sum())
    outside = max(above + below, _LEAST_OUTSIDE * total)
    return Lines(sharpness, (above - below) / (outside or 1.0), sum(counts) - max(counts))


def _bands(profile: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Runs of rows with ink that are as high as a line of text."""
    full = np.flatnonzero(np.diff(np.concatenate(([0], profile > _QUIET, [0])).astype(np.int8)))
    low, high = _HEIGHTS
    return [profile[begin:end] for begin, end in full.reshape(-1, 2) if low <= end - begin <= high]
