# SPDX-License-Identifier: Apache-2.0
"""Whether a picture is plainly a whole page, and no part that was cut out of one.

A page has many lines of text, small beside it, and margins all around them. What is cut out of a
page has no margins. Where this is not plain, as on a slide or a poster, the answer is no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.images.ink import ink_mask
from ppocrvl.images.lines import line_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_LEAST_SIDE = 380
"""Pixels of a page's shorter side: A4 at 46 dpi, below which nobody can read it."""
_MOST_RATIO = 2.0
"""Of a page's sides."""
_LONGER_SIDE = 1300
"""Pixels to which a page is reduced: letters are some six pixels high then."""
_MOST_INK = 0.4
"""Of all pixels: a photo has more, and its pieces would take long to find."""
_WORD = 3.0
"""Least length of a piece of text, in heights of a letter."""
_TALLEST = 3.0
"""Greatest height of a line, likewise."""
_LEAST_ROWS = 15
"""Of text, one under the other: a table of so many cells has fewer."""
_MARGIN = 0.02
"""Of a page's shorter side; nothing is printed nearer to the edge."""


def may_be_page(width: int, height: int) -> bool:
    """Whether a picture of so many pixels is large enough, and of the shape of a page."""
    shorter, longer = sorted((width, height))
    return shorter >= _LEAST_SIDE and longer <= _MOST_RATIO * shorter


def is_whole_page(picture: Image.Image) -> bool:
    """Whether a picture is plainly a page; takes some hundredths of a second.

    Args:
        picture: upright, of mode RGB.
    """
    if not may_be_page(*picture.size):
        return False
    small = picture.convert("L").reduce(max(1, round(max(picture.size) / _LONGER_SIDE)))
    ink = ink_mask(np.asarray(small))
    if ink.mean() > _MOST_INK:
        return False
    pieces, letter = line_pieces(ink)
    sides = pieces[:, 2:] - pieces[:, :2]
    is_text = (sides[:, 0] >= _WORD * letter) & (sides[:, 1] >= letter)
    text = pieces[is_text & (sides[:, 1] <= _TALLEST * letter)]
    if _n_rows(text) < _LEAST_ROWS:
        return False
    width, height = small.size
    marks = pieces[sides.max(axis=1) >= _WORD * letter]  # frames and rules of tables too
    edges = *marks[:, :2].min(axis=0), width - marks[:, 2].max(), height - marks[:, 3].max()
    return bool(min(edges) >= _MARGIN * min(width, height))


def _n_rows(text: NDArray[np.int64]) -> float:
    """How many lines one under the other would be as high as what the text covers."""
    if len(text) == 0:
        return 0.0
    steps = np.zeros(text[:, 3].max() + 1, np.int64)
    np.add.at(steps, text[:, 1], 1)
    np.add.at(steps, text[:, 3], -1)
    return float((np.cumsum(steps) > 0).sum() / np.median(text[:, 3] - text[:, 1]))
