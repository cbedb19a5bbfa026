# SPDX-License-Identifier: Apache-2.0
"""Help for small models: in a column, what stands higher is read first.

Not in the official pipeline. Whether it is done, the model's file says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ppocrvl.layout.region import Region

_SHARED_WIDTH = 0.2
"""Of the narrower of two regions: from this share on they are in one column."""
_SHARED_HEIGHT = 0.3
"""Of the lower of two regions: boxes that overlap by more are not above each other."""


def column_by_column(regions: Sequence[Region]) -> list[Region]:
    """The regions in reading order, none before one that stands above it in its column.

    A region that comes too late is read just before the first one below it; everything else stays
    in the model's order. A footnote may come before text above it: it belongs to what it is about.

    Args:
        regions: in the model's reading order.
    """
    above = _above(regions)
    is_placed = np.zeros(len(regions), np.bool_)
    found: list[Region] = []
    waiting = [*range(len(regions) - 1, -1, -1)]  # a stack: the last one comes next
    while waiting:
        index = waiting[-1]
        missing = np.flatnonzero(above[:, index] & ~is_placed)
        if missing.size:
            waiting.extend(missing[::-1].tolist())
            continue
        waiting.pop()
        if not is_placed[index]:
            is_placed[index] = True
            found.append(replace(regions[index], order=len(found)))
    return found


def _above(regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Of each pair whether the first must be read before the second, bool [n, n].

    Without cycles: the middle of the first is always the higher one.
    """
    boxes = np.array([region.box for region in regions], np.float64).reshape(-1, 4)
    x0, y0, x1, y1 = (side[:, None] for side in boxes.T)
    shared = np.minimum(x1, x1.T) - np.maximum(x0, x0.T)
    in_column = shared > _SHARED_WIDTH * np.minimum(x1 - x0, (x1 - x0).T)
    overlap = y1 - y0.T  # of the first's lower edge over the second's upper one
    is_higher = overlap <= _SHARED_HEIGHT * np.minimum(y1 - y0, (y1 - y0).T)
    is_footnote = np.array([region.label == "footnote" for region in regions], np.bool_)
    return in_column & is_higher & ~is_footnote[None, :]
