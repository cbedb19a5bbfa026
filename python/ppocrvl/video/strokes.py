# SPDX-License-Identifier: Apache-2.0
"""What of a frame looks like letters, and whether two frames differ in it.

An image that moves behind a caption changes nearly every pixel, and not the caption. So frames are
compared in strokes alone: where the brightness rises and falls again, or falls and rises, within
the width of a stroke, along a row or a column. Edges of things that move have one side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppocrvl.document.types import Box

    Mask = NDArray[np.bool_]

WORKING_SIDE = 540
"""Pixels. Frames whose shorter side is twice this or more are reduced by a whole number: letters
that can be read there are larger."""
STEP = 40
"""Shades of 255 from one pixel to the next at the side of a stroke; noise of video codecs is below,
faint letters are too."""
STROKE = 8
"""Pixels; the widest stroke."""
CELL = 8
"""Pixels; side of the squares in which strokes are counted."""
CELL_LEAST = 4
"""Pixels at sides of strokes in a cell that has text."""
CELLS_LEAST = 2
"""Cells with text in a frame that has any."""
MOVED = 12
"""Pixels at sides of strokes that came or went within 3 x 3 cells, over which there is another
text: of any contrast, but a digit that looks much like another moves fewer."""
SHADES = 96
"""Of 255, by which a pixel at a stroke becomes another: what a codec does to it is less."""
REPAINTED = 5
"""Such pixels within 3 x 3 cells, over which there is another text. Measured on captions over
moving images of which one digit changes or none (docs/video.md)."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """The strokes of a frame, or of a part of it.

    Attributes:
        mask: where sides of strokes are, in pixels of the reduced frame.
        grey: its brightness.
        scale: pixels of the frame for one of the mask.
    """

    mask: Mask
    grey: NDArray[np.uint8]
    scale: int

    @classmethod
    def of(cls, grey: NDArray[np.uint8], frame_side: int) -> Strokes:
        """Of the brightness [h, w] of a part of a frame with this shorter side."""
        scale = max(1, frame_side // WORKING_SIDE)
        if scale > 1:
            grey = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).reduce(scale))
        # Bars too: many a digit differs from another in one alone.
        mask = _sides(grey) | _sides(grey.T).T
        has_text = _cells(mask) >= CELL_LEAST
        spread = has_text.repeat(CELL, axis=0).repeat(CELL, axis=1)
        return cls(mask & spread[: mask.shape[0], : mask.shape[1]], grey, scale)

    @property
    def count(self) -> int:
        """Pixels at sides of strokes."""
        return int(np.count_nonzero(self.mask))

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to read."""
        return bool(np.count_nonzero(_cells(self.mask) >= CELL_LEAST) < CELLS_LEAST)

    def differ(self, other: Strokes) -> bool:
        """Whether text came or went between the two."""
        if self.mask.shape != other.mask.shape:
            return True
        return self.moved(other) > MOVED or self.repainted(other) > REPAINTED

    def moved(self, other: Strokes) -> int:
        """The most pixels at sides of strokes that came or went within 3 x 3 cells.

        Args:
            other: of a mask of the same size.
        """
        lost = self.mask & ~_grown(other.mask)
        come = other.mask & ~_grown(self.mask)
        return _most_in_window(lost | come)

    def repainted(self, other: Strokes) -> int:
        """The most pixels at strokes of either that have quite another shade, within 3 x 3 cells.

        Args:
            other: of a mask of the same size.
        """
        lighter, darker = np.maximum(self.grey, other.grey), np.minimum(self.grey, other.grey)
        return _most_in_window((lighter - darker > SHADES) & _grown(self.mask | other.mask))

    def lies_within(self, one: Strokes, other: Strokes) -> bool:
        """Whether all of it is in one of the two, as where one fades into the other."""
        if not self.mask.shape == one.mask.shape == other.mask.shape:
            return False
        return _most_in_window(self.mask & ~_grown(one.mask | other.mask)) <= MOVED

    def shared(self, other: Strokes) -> int:
        """Pixels that both have."""
        if self.mask.shape != other.mask.shape:
            return 0
        return int(np.count_nonzero(self.mask & _grown(other.mask)))

    def box(self, margin: int, width: int, height: int) -> Box:
        """What holds all strokes and a margin around them.

        Args:
            margin: pixels of the mask.
            width: of the part, in pixels of the frame.
            height: likewise.
        """
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return 0, 0, width, height
        x0, x1 = int(columns[0]) - margin, int(columns[-1]) + 1 + margin
        y0, y1 = int(rows[0]) - margin, int(rows[-1]) + 1 + margin
        return (
            max(0, x0 * self.scale),
            max(0, y0 * self.scale),
            min(width, x1 * self.scale),
            min(height, y1 * self.scale),
        )


def _sides(grey: NDArray[np.uint8]) -> Mask:
    """Where a row of pixels rises with a fall near it, or falls with a rise near it."""
    left, right = grey[:, :-1], grey[:, 1:]
    step = np.maximum(left, right) - np.minimum(left, right) > STEP
    mask = np.zeros(grey.shape, np.bool_)
    up, down = step & (right > left), step & (right < left)
    mask[:, :-1] = (up & _near(down)) | (down & _near(up))
    return mask


def _near(mask: Mask) -> Mask:
    """Fewer than `STROKE` pixels to either side; the reach doubles with each step."""
    near, reach = mask.copy(), 1
    while reach < STROKE:
        before = near.copy()
        near[:, reach:] |= before[:, :-reach]
        near[:, :-reach] |= before[:, reach:]
        reach *= 2
    return near


def _grown(mask: Mask) -> Mask:
    """By a pixel in each direction."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def _cells(mask: Mask) -> NDArray[np.int64]:
    """How many are set in each cell."""
    rows = np.add.reduceat(mask, np.arange(0, mask.shape[0], CELL), axis=0, dtype=np.int64)
    return np.add.reduceat(rows, np.arange(0, mask.shape[1], CELL), axis=1)


def _most_in_window(mask: Mask) -> int:
    """The most that are set within 3 x 3 cells."""
    sums = np.pad(_cells(mask), 1)
    rows = sums[:-2] + sums[1:-1] + sums[2:]
    return int((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]).max())
