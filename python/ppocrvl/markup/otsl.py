# SPDX-License-Identifier: Apache-2.0
"""Tables in OTSL, as the model writes them: rows of cells, with spans.

`<fcel>` starts a cell with text and `<ecel>` an empty one; `<lcel>` belongs to the cell on its
left, `<ucel>` to the one above, `<xcel>` to both; `<nl>` ends a row. Rows are made equally long as
the official pipeline does it (PaddleX, `convert_otsl_to_html`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

_TAG = r"<(?:fcel|ecel|lcel|ucel|xcel)>"
_CELL = re.compile(rf"<(?P<tag>[felux]cel)>(?P<text>.*?)(?={_TAG}|$)", re.DOTALL)
_LEFT, _UP, _BOTH, _EMPTY, _TEXT = "lcel", "ucel", "xcel", "ecel", "fcel"
_STARTS = frozenset((_EMPTY, _TEXT))


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        row: of its upper left corner, from 0.
        column: likewise.
        text: what stands in it, without white space around.
        row_span: rows that it covers.
        column_span: columns that it covers.
    """

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1


def read_otsl(text: str) -> list[Cell]:
    """The cells of a table, row by row; none where the text holds no table.

    Together they cover all of it, each place once: a tag that goes on nothing is an empty cell, and
    a span ends before the next cell with a tag of its own. Rows without cells are left out.

    Args:
        text: the model's answer; any text is taken, as a cut-off answer must be.
    """
    lines = (
        [(m["tag"], m["text"].strip()) for m in _CELL.finditer(row)] for row in text.split("<nl>")
    )
    rows = _equally_long([line for line in lines if line])
    if not any(tag in _STARTS for row in rows for tag, _ in row):
        return []
    free = [[True] * len(row) for row in rows]
    cells = []
    for r, row in enumerate(rows):
        for c, (tag, content) in enumerate(row):
            if not free[r][c]:
                continue
            starts = tag in _STARTS
            across = _span_right(row, free[r], c) if starts else 1
            down = _span_down(rows, free, (r, c), across) if starts else 1
            for taken in free[r : r + down]:
                taken[c : c + across] = [False] * across
            cells.append(Cell(r, c, content if starts else "", down, across))
    return cells


def _equally_long(rows: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """Rows cut or filled with empty cells to the width that changes least."""
    longest = max((len(row) for row in rows), default=0)
    filled = max(
        (c + 1 for row in rows for c, (tag, _) in enumerate(row) if tag == _TEXT), default=0
    )
    widths = range(min(filled, longest), longest + 1)
    width = min(widths, key=lambda n: sum(abs(len(row) - n) for row in rows))
    return [row[:width] + [(_EMPTY, "")] * (width - len(row)) for row in rows]


def _span_right(row: list[tuple[str, str]], free: list[bool], column: int) -> int:
    end = column + 1
    while end < len(row) and free[end] and row[end][0] in {_LEFT, _BOTH}:
        end += 1
    return end - column


def _span_down(
    rows: list[list[tuple[str, str]]], free: list[list[bool]], at: tuple[int, int], across: int
) -> int:
    row, column = at
    columns = range(column, column + across)
    end = row + 1
    while (
        end < len(rows)
        and rows[end][column][0] in {_UP, _BOTH}
        and all(free[end][c] and rows[end][c][0] not in _STARTS for c in columns)
    ):
        end += 1
    return end - row


def otsl_to_html(text: str) -> str | None:
    """A table as PaddleX writes it: text escaped, formulas as they are; None if there is none."""
    cells = read_otsl(text)
    if not cells:
        return None
    rows: list[list[str]] = [[] for _ in range(max(cell.row + cell.row_span for cell in cells))]
    for cell in cells:
        spans = _span("rowspan", cell.row_span) + _span("colspan", cell.column_span)
        rows[cell.row].append(f"<td{spans}>{escape(cell.text)}</td>")
    inside = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{inside}</table>"


def _span(name: str, number: int) -> str:
    return f' {name}="{number}"' if number > 1 else ""
