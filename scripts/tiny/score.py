# SPDX-License-Identifier: Apache-2.0
"""Character error rate and table cell accuracy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def distance(a: str, b: str) -> int:
    """Levenshtein distance between two strings."""
    if not a or not b:
        return len(a) + len(b)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(diagonal + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def cer(read: Sequence[str], truth: Sequence[str]) -> float:
    """Sum of the edit distances over the sum of the true lengths."""
    return sum(distance(r, t) for r, t in zip(read, truth, strict=True)) / max(
        1, sum(map(len, truth))
    )


def otsl_cells(text: str) -> list[list[str]]:
    """The rows of cell texts of an OTSL string; an empty cell is ``""``."""
    cell = re.compile(r"<([fe]cel)>((?:(?!<[fe]cel>).)*)", re.DOTALL)
    return [[m[2] for m in cell.finditer(row)] for row in text.split("<nl>")[:-1]]


def cell_hits(read: str, truth: str) -> tuple[int, int]:
    """How many cells of ``truth`` are in ``read`` at the same place, and how many there are."""
    a, b = otsl_cells(read), otsl_cells(truth)
    hits = sum(
        r < len(a) and c < len(a[r]) and a[r][c] == cell
        for r, row in enumerate(b)
        for c, cell in enumerate(row)
    )
    return hits, sum(map(len, b))
