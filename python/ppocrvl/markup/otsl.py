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

    Args:
        text: the model's answer; any text is taken, as a cut-off answer must be.
    """
    rows = _equally_long(
        [
            [(match["tag"], match["text"].strip()) for match in _CELL.finditer(line)]
            for line in text.strip().removesuffix("<nl>").split("<nl>")
        ]
    )
    return [
        Cell(r, c, content, _span_down(rows, r, c), _span_right(row, c))
        for r, row in enumerate(rows)
        for c, (tag, content) in enumerate(row)
        if tag in {_TEXT, _EMPTY}
    ]


def _equally_long(rows: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """Rows cut or filled with empty cells to the width that changes least."""
    longest = max((len(row) for row in rows), default=0)
    filled = max(
        (c + 1 for row in rows for c, (tag, _) in enumerate(row) if tag == _TEXT), default=0
    )
    widths = range(min(filled, longest), longest + 1)
    width = min(widths, key=lambda n: sum(abs(len(row) - n) for row in rows))
    return [row[:width] + [(_EMPTY, "")] * (width - len(row)) for row in rows]


def _span_right(row: list[tuple[str, str]], column: int) -> int:
    end = column + 1
    while end < len(row) and row[end][0] in {_LEFT, _BOTH}:
        end += 1
    return end - column


def _span_down(rows: list[list[tuple[str, str]]], row: int, column: int) -> int:
    end = row + 1
    while end < len(rows) and rows[end][column][0] in {_UP, _BOTH}:
        end += 1
    return end - row


def otsl_to_html(text: str) -> str | None:
    """A table as PaddleX writes it: text escaped, formulas as they are; None if there is none."""
    cells = read_otsl(text)
    if not cells:
        return None
    rows: list[list[str]] = [[] for _ in range(1 + max(cell.row for cell in cells))]
    for cell in cells:
        spans = _span("rowspan", cell.row_span) + _span("colspan", cell.column_span)
        rows[cell.row].append(f"<td{spans}>{escape(cell.text)}</td>")
    inside = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{inside}</table>"


def _span(name: str, number: int) -> str:
    return f' {name}="{number}"' if number > 1 else ""
