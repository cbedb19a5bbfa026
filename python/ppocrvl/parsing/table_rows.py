# SPDX-License-Identifier: Apache-2.0
"""Rows and cells of a table in HTML as this package writes it (`markup.otsl.otsl_to_html`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r'<td(?: rowspan="(\d{1,6})")?(?: colspan="(\d{1,6})")?>(.*?)</td>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class RowCell:
    """A cell of a row.

    Attributes:
        text: without tags, unescaped.
        row_span: rows that it covers.
        column_span: columns that it covers.
    """

    text: str
    row_span: int = 1
    column_span: int = 1


def split_rows(html: str) -> list[str]:
    """What stands between `<tr>` and `</tr>` of each row."""
    return _ROW.findall(html)


def join_rows(rows: list[str]) -> str:
    """A table of rows as `split_rows` gives them."""
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def cells_of(row: str) -> list[RowCell]:
    """The cells of a row."""
    return [
        RowCell(unescape(_TAG.sub("", inside)), int(down or 1), int(across or 1))
        for down, across, inside in _CELL.findall(row)
    ]


def n_columns(rows: list[list[RowCell]]) -> int:
    """Columns of a table, with those that cells from above reach into."""
    most = 0
    taken: dict[int, set[int]] = {}
    for r, row in enumerate(rows):
        column = 0
        for cell in row:
            while column in taken.get(r, ()):
                column += 1
            columns = range(column, column + cell.column_span)
            for below in range(r, min(r + cell.row_span, len(rows))):
                taken.setdefault(below, set()).update(columns)
            column += cell.column_span
        most = max(most, column)
    return most
