# SPDX-License-Identifier: Apache-2.0
"""Filling columns with blocks, one after the other, until there is no more room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.captions import caption, note
from pages.charts import chart
from pages.figures import picture
from pages.formulas import formula, worded
from pages.listings import code
from pages.prose import heading, items, paragraph
from pages.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pages.style import Column, Pen

    Block = Callable[[Pen, Column], bool]


def _captioned(block: Block, kind: str, above: float) -> Block:
    """``block`` with a caption above (in ``above`` of the cases) or below, or none, and a note."""

    def set_both(pen: Pen, column: Column) -> bool:
        rng = pen.rng
        named = rng.random() < 0.75
        first = named and rng.random() < above
        if column.height < 8 * pen.style.line:
            return False
        if first:
            caption(pen, column, kind)
        if not block(pen, column):
            return first
        if named and not first:
            caption(pen, column, kind)
        if rng.random() < 0.2:
            note(pen, column)
        column.y += pen.style.gap
        return True

    return set_both


def _subheading(pen: Pen, column: Column) -> bool:
    return heading(pen, column, 2) and paragraph(pen, column)


def _section(pen: Pen, column: Column) -> bool:
    return heading(pen, column) and paragraph(pen, column)


def _worded_formula(pen: Pen, column: Column) -> bool:
    return paragraph(pen, column, pen.rng.randint(1, 4)) and formula(pen, column)


BLOCKS: Mapping[str, Block] = {
    "paragraph": paragraph,
    "section": _section,
    "subheading": _subheading,
    "items": items,
    "table": _captioned(table, "table", 0.75),
    "picture": _captioned(picture, "figure", 0.1),
    "chart": _captioned(chart, "chart", 0.15),
    "formula": _worded_formula,
    "worded": worded,
    "code": code,
}

# What kinds of document are made of, in shares.
MIXES: Mapping[str, Mapping[str, float]] = {
    "paper": {
        "paragraph": 8,
        "section": 2,
        "subheading": 1.5,
        "items": 1,
        "table": 1.6,
        "picture": 1,
        "chart": 1.6,
        "formula": 3,
    },
    "manual": {
        "paragraph": 5,
        "section": 1.5,
        "subheading": 1.5,
        "items": 2.5,
        "table": 1,
        "picture": 0.7,
        "code": 3.5,
    },
    "report": {
        "paragraph": 6,
        "section": 2,
        "subheading": 1,
        "items": 2.5,
        "table": 2,
        "picture": 1,
        "chart": 2,
    },
    "novel": {"paragraph": 30, "section": 1},
    "mathematics": {"paragraph": 3, "worded": 3, "section": 0.7, "items": 0.5, "formula": 6},
    "data": {"paragraph": 2, "section": 1, "table": 5, "chart": 3},
}


def fill(pen: Pen, column: Column, mix: Mapping[str, float], until: float = 1.0) -> None:
    """Set blocks of ``mix`` until ``until`` of the column's height is passed or none fits.

    A block that does not fit is tried again as another kind, so that columns end full or ragged.
    """
    names, shares = list(mix), list(mix.values())
    stop = column.y + until * column.height
    misses = 0
    while misses < 3 and column.y < stop and column.height > pen.style.line:
        name = pen.rng.choices(names, shares)[0]
        misses = 0 if BLOCKS[name](pen, column) else misses + 1
