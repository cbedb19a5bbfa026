# SPDX-License-Identifier: Apache-2.0
"""Pages that lie on their side or on their head, found by their lines of text.

Across lines of text, ink and paper change sharply and often; along them they do not. That tells
whether lines are horizontal. Which side is up, the letters tell: in scripts with ascenders, more
ink stands above the height of an x than below its foot. Scripts without, as Chinese, are never
turned on their head, nor is a page with few lines turned at all.
"""

from __future__ import annotations

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
_DARK = 64
"""How much darker than the paper ink is, of 255."""
_SIDEWAYS = 1.3
"""How much sharper the changes along a page must be than across it, to turn it."""
_LEAST_LINES = 12
"""Pieces of lines in all strips, below which nothing is said."""
_CORE = 0.5
"""Of a line's fullest row: rows above this are those between the foot and the height of an x."""
_HEIGHTS = (5, 80)
"""Least and greatest height of a line in pixels of the reduced page."""
_ON_ITS_HEAD = -0.15
"""Balance of ink above and below, from -1 to 1, under which a page stands on its head."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lines of a page say, taken as horizontal.

    Attributes:
        sharpness: how much ink changes from row to row.
        balance: (above - below) / (above + below) of the ink outside the height of an x.
        n_lines: pieces of lines that `balance` is about.
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
    if sideways.sharpness > _SIDEWAYS * upright.sharpness and sideways.n_lines >= _LEAST_LINES:
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
    darkness = np.median(grey) - grey if grey.size else grey
    if abs(float(darkness.min(initial=0))) > float(darkness.max(initial=0)):
        darkness = -darkness  # light letters on a dark page
    ink: npt.NDArray[np.float32] = (darkness > _DARK).astype(np.float32)
    return ink


def lines_of(ink: npt.NDArray[np.float32]) -> Lines:
    """What the lines of a page say.

    Args:
        ink: float32 [height, width], 0 to 1.
    """
    sharpness = above = below = 0.0
    n_lines = 0
    for strip in np.array_split(ink, _N_STRIPS, axis=1):
        profile = strip.sum(axis=1)
        sharpness += float(np.square(np.diff(profile)).sum()) / max(1, strip.shape[1])
        for band in _bands(profile):
            core = np.flatnonzero(band > _CORE * band.max())
            above += float(band[: core[0]].sum())
            below += float(band[core[-1] + 1 :].sum())
            n_lines += 1
    return Lines(sharpness, (above - below) / max(above + below, 1.0), n_lines)


def _bands(profile: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Runs of rows with ink that are as high as a line of text."""
    full = np.flatnonzero(np.diff(np.concatenate(([0], profile > 0, [0])).astype(np.int8)))
    low, high = _HEIGHTS
    return [profile[begin:end] for begin, end in full.reshape(-1, 2) if low <= end - begin <= high]
