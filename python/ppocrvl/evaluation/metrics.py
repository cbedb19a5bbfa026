# SPDX-License-Identifier: Apache-2.0
"""How far a reading is from the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apted import APTED, Config
from rapidfuzz.distance import Levenshtein

from ppocrvl.markup.otsl import read_otsl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.markup.otsl import Cell

MOST_CELLS = 400
"""TEDS takes time with the square of the cells: larger tables are left out of it."""


def character_errors(reading: str, truth: str) -> int:
    """Characters to insert, delete or replace."""
    return int(Levenshtein.distance(reading, truth))


def word_errors(reading: str, truth: str) -> int:
    """Words, split at white space, to insert, delete or replace."""
    return int(Levenshtein.distance(reading.split(), truth.split()))


def cell_hits(reading: str, truth: str) -> tuple[int, int]:
    """Cells of the true table that stand equal at the same place, and how many there are."""
    found = set(read_otsl(reading))
    expected = read_otsl(truth)
    return sum(cell in found for cell in expected), len(expected)


def teds(reading: str, truth: str) -> float | None:
    """Tree-edit-distance similarity of two OTSL tables, 0 to 1 (Zhong et al. 2020, PubTabNet).

    Both become trees table > row > cell. Deleting or inserting a node costs 1; a cell for another
    costs 1 if spans differ, else the distance of their texts over the longer's length. The
    similarity is 1 - distance / nodes of the larger tree.

    Returns:
        None where a table has more than `MOST_CELLS` cells.
    """
    return teds_of(read_otsl(reading), read_otsl(truth))


def teds_of(reading: Sequence[Cell], truth: Sequence[Cell]) -> float | None:
    """As `teds`, of tables whose cells are known, each row's from left to right."""
    trees = [_tree(cells) for cells in (reading, truth)]
    sizes = [tree.size() for tree in trees]
    if max(sizes) > 2 * MOST_CELLS:
        return None
    return 1.0 - float(APTED(*trees, _TedsConfig()).compute_edit_distance()) / max(sizes)


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    spans: tuple[int, int] = (1, 1)
    text: str = ""
    children: list[_Node] = field(default_factory=list)

    def size(self) -> int:
        return 1 + sum(child.size() for child in self.children)


def _tree(cells: Sequence[Cell]) -> _Node:
    table = _Node("table")
    rows: dict[int, _Node] = {}
    for cell in cells:
        if cell.row not in rows:
            rows[cell.row] = _Node("row")
            table.children.append(rows[cell.row])
        rows[cell.row].children.append(_Node("cell", (cell.row_span, cell.column_span), cell.text))
    return table


class _TedsConfig(Config):  # type: ignore[misc]  # apted has no types
    valuecls = float

    def rename(self, node1: _Node, node2: _Node) -> float:
        """What it costs that one node stands for the other."""
        if (node1.kind, node1.spans) != (node2.kind, node2.spans):
            return 1.0
        return float(Levenshtein.normalized_distance(node1.text, node2.text))
