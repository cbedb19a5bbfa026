# SPDX-License-Identifier: Apache-2.0
"""A frame as far as it is compared with others: what is kept of each that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ppocrvl.video.area import box_of
from ppocrvl.video.strokes import Strokes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ppocrvl.document.types import Box
    from ppocrvl.video.area import Area
    from ppocrvl.video.frames import Shown

TRIM_MARGIN = 8
"""Pixels that are left around letters, for the dots and bars at their sides that are no strokes."""
_REDUCED = (32, 18)
"""Width and height in pixels of the area as cuts are found in it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A frame, and what its area looks like.

    Attributes:
        shown: the frame.
        box: its area in pixels.
        strokes: of the area.
        small: brightness of the area, reduced to 32 x 18 pixels.
    """

    shown: Shown
    box: Box
    strokes: Strokes
    small: NDArray[np.int16]

    def pixels(self, *, trims: bool) -> NDArray[np.uint8]:
        """The area, uint8 [h, w, 3]; with `trims` only what holds its strokes."""
        x0, y0, x1, y1 = self.box
        area = self.shown.rgb()[y0:y1, x0:x1]
        if trims:
            x0, y0, x1, y1 = self.strokes.box(TRIM_MARGIN, x1 - x0, y1 - y0)
            area = area[y0:y1, x0:x1]
        return np.ascontiguousarray(area)


def on_light(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The area, uint8 [h, w, 3], inverted where most of it is dark: letters are dark then."""
    return 255 - pixels if np.median(pixels) < 128 else pixels


def looked_at(frames: Iterable[Shown], area: Area) -> Iterator[Look]:
    """Looks at the area of each frame.

    Raises:
        OptionError: nothing of it is in the frame.
    """
    for shown in frames:
        grey = shown.grey()
        height, width = grey.shape
        box = x0, y0, x1, y1 = box_of(area, width, height)
        part = np.ascontiguousarray(grey[y0:y1, x0:x1])
        small = Image.fromarray(part).resize(_REDUCED, Image.Resampling.BOX)
        yield Look(
            shown, box, Strokes.of(part, min(width, height)), np.asarray(small).astype(np.int16)
        )
