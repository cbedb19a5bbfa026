# SPDX-License-Identifier: Apache-2.0
"""A block of more lines than a model can read at once is cut between lines.

All on boxes of lines in pixels of the block's picture, wherever they come from.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Box


def rows_of(lines: Sequence[Box]) -> list[Box]:
    """Lines from top to bottom; pieces of one line, side by side, are one.

    Two boxes are pieces of a line where the middle of one lies within the other's height.
    """
    rows: list[Box] = []
    for box in sorted(lines, key=lambda box: (box[1] + box[3], box[0])):
        last = rows[-1] if rows else None
        if last is not None and (_middle_in(box, last) or _middle_in(last, box)):
            rows[-1] = (
                min(last[0], box[0]),
                min(last[1], box[1]),
                max(last[2], box[2]),
                max(last[3], box[3]),
            )
        else:
            rows.append(box)
    return rows


def _middle_in(box: Box, other: Box) -> bool:
    return other[1] <= (box[1] + box[3]) / 2 < other[3]


def strips(rows: Sequence[Box], height: int, max_lines: int) -> list[tuple[int, int]]:
    """Where to cut a picture, as (top, bottom) of each strip; together they are all of it.

    Strips have equally many lines, give or take one: a strip of one last line would be read worse.
    Cuts lie half-way between lines.

    Args:
        rows: lines from top to bottom, as `rows_of` gives them.
        height: of the picture in pixels.
        max_lines: lines of a strip at most; 0 for no limit.
    """
    if max_lines < 1 or len(rows) <= max_lines:
        return [(0, height)]
    n_strips = -(-len(rows) // max_lines)
    firsts = [len(rows) * i // n_strips for i in range(1, n_strips)]
    cuts = [(rows[first - 1][3] + rows[first][1]) // 2 for first in firsts]
    edges = [0, *(min(max(cut, 0), height) for cut in cuts), height]
    return [(a, b) for a, b in pairwise(edges) if b > a]
