# SPDX-License-Identifier: Apache-2.0
"""Where the texts of a table's cells stand, by the ink in its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ppocrvl.document.text_width import text_width
from ppocrvl.images.components import find_components
from ppocrvl.images.lines import letter_height

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ppocrvl.document.tables import Table, TableCell
    from ppocrvl.document.types import Box

CellBox: TypeAlias = tuple[float, float, float, float]

_WORD_GAP = 1.3
"""Widest gap within a text, in heights of a letter, as `images.lines` has it."""
_LARGEST = 3.0
"""Heights of a letter: what is larger is no letter, but a rule, a frame, a figure."""
_LEAST = 0.2
"""What is lower, in heights of a letter, is dust or a dotted rule."""
_MARGIN = 0.06
"""Of a cell, on either side, where nothing tells its place."""


def cell_places(
    table: Table, box: Box, ink: NDArray[np.bool_] | None
) -> list[tuple[TableCell, CellBox]]:
    """The cells that hold text, with the places of their texts in pixels of the page.

    Where the picture shows as many lines as the table has rows, the ink says where each text is.
    Otherwise rows are equally high, and columns as wide as what stands in them.

    Args:
        table: the table.
        box: where it stands.
        ink: bool [height, width], of the box alone; None where there is no picture.
    """
    full = [cell for cell in table.cells if cell.text]
    places = None if ink is None else _by_ink(full, ink)
    if places is None:
        return list(zip(full, _by_grid(table, full, box), strict=True))
    x, y = box[:2]
    moved = [(x + a, y + b, x + c, y + d) for a, b, c, d in places]
    return list(zip(full, moved, strict=True))


def _by_ink(full: Sequence[TableCell], ink: NDArray[np.bool_]) -> list[CellBox] | None:
    """None where it does not tell."""
    rows: dict[int, list[TableCell]] = {}
    for cell in full:
        rows.setdefault(cell.row, []).append(cell)
    lines = _lines(_pieces(ink))
    if len(lines) != len(rows):
        return None
    found: dict[int, CellBox] = {}
    for cells, line in zip(rows.values(), lines, strict=True):
        parts = _parts(line, len(cells))
        if parts is None:
            return None
        found |= {id(cell): part for cell, part in zip(cells, parts, strict=True)}
    return [found[id(cell)] for cell in full]


def _pieces(ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [n, 4]: boxes of words near each other, without rules and frames."""
    letter = letter_height(ink)
    parts = find_components(ink)
    boxes = parts.boxes()
    sides = boxes[:, 2:] - boxes[:, :2]
    is_letter = (sides.max(axis=1, initial=0) <= _LARGEST * letter) & (
        sides[:, 1] >= _LEAST * letter
    )
    height, width = ink.shape
    return find_components(
        parts.mask((height, width), is_letter), round(_WORD_GAP * letter)
    ).boxes()


def _lines(boxes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The pieces of each line, from left to right."""
    lines: list[list[NDArray[np.int64]]] = []
    bottom = -1
    for box in sorted(boxes, key=lambda box: int(box[1] + box[3])):
        if not lines or box[1] + box[3] > 2 * bottom:
            lines.append([])
            bottom = int(box[3])
        lines[-1].append(box)
        bottom = max(bottom, int(box[3]))
    return [np.array(sorted(line, key=lambda box: int(box[0]))) for line in lines]


def _parts(line: NDArray[np.int64], n: int) -> list[CellBox] | None:
    """A line cut at its widest gaps into so many parts; None where it has too few pieces."""
    if len(line) < n:
        return None
    gaps = line[1:, 0] - np.maximum.accumulate(line[:-1, 2])
    cuts = np.sort(np.argsort(-gaps, kind="stable")[: n - 1]) + 1
    return [
        (
            float(part[:, 0].min()),
            float(line[:, 1].min()),
            float(part[:, 2].max()),
            float(line[:, 3].max()),
        )
        for part in np.split(line, cuts)
    ]


def _by_grid(table: Table, full: Sequence[TableCell], box: Box) -> list[CellBox]:
    x0, y0, x1, y1 = box
    columns = np.ones(table.n_columns)
    for cell in full:
        if cell.column_span == 1:
            longest = max(map(text_width, cell.text.split("\n")))
            columns[cell.column] = max(columns[cell.column], longest)
    edges = np.concatenate(([0.0], np.cumsum(columns))) / columns.sum()
    places = []
    for cell in full:
        left, right = edges[cell.column], edges[cell.column + cell.column_span]
        margin = _MARGIN * (right - left)
        top, bottom = cell.row / table.n_rows, (cell.row + cell.row_span) / table.n_rows
        places.append(
            (
                float(x0 + (x1 - x0) * (left + margin)),
                float(y0 + (y1 - y0) * top),
                float(x0 + (x1 - x0) * (right - margin)),
                float(y0 + (y1 - y0) * bottom),
            )
        )
    return places
