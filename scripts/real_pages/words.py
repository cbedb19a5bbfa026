# SPDX-License-Identifier: Apache-2.0
"""The words of a page's text layer, and which of them lie in a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ppocrvl.parsing.sources.source import Character

INSIDE = 0.5
"""A word lies in a region that has this share of its area."""


def words_of(characters: Iterable[Character], size: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes of what stands between spaces, [n, 4]; without what lies off the page.

    Args:
        characters: of the page, in the document's order.
        size: width and height of the page, in the pixels of the characters.
    """
    words: list[list[float]] = []
    goes_on = False
    for one in characters:
        x0, y0, x1, y1 = one.box
        if one.text.isspace() or not (x0 < x1 and y0 < y1):
            goes_on = False
            continue
        last = words[-1] if goes_on else None
        if last is not None and y0 < last[3] and last[1] < y1:  # on the same line
            words[-1] = [min(last[0], x0), min(last[1], y0), max(last[2], x1), max(last[3], y1)]
        else:
            words.append([x0, y0, x1, y1])
        goes_on = True
    boxes: NDArray[np.float64] = np.array(words, np.float64).reshape(-1, 4)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray(boxes[((middles > 0) & (middles < size)).all(axis=1)])


def covered(words: NDArray[np.float64], regions: Sequence[Sequence[float]]) -> NDArray[np.bool_]:
    """Of each word whether it lies in a region.

    Args:
        words: boxes, [n, 4].
        regions: boxes in the same pixels.
    """
    boxes = np.array(regions, np.float64).reshape(-1, 4)
    upper = np.maximum(words[:, None, :2], boxes[None, :, :2])
    lower = np.minimum(words[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(lower - upper, 0).prod(axis=2)
    areas = (words[:, 2:] - words[:, :2]).prod(axis=1)
    return np.asarray((shared >= INSIDE * areas[:, None]).any(axis=1))
