# SPDX-License-Identifier: Apache-2.0
"""Tables in a word processor's document, with cells that cover several places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.shared import Emu
from docx.table import _Cell

from ppocrvl.document.tables import TablePicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from docx.document import Document as WordDocument
    from docx.text.paragraph import Paragraph

    from ppocrvl.document.tables import Table, TableCell

_STYLE = "Table Grid"


def add_table(
    word: WordDocument,
    table: Table,
    fill: Callable[[Paragraph, str], None],
    picture: Callable[[Paragraph, str, int], None],
) -> None:
    """Adds a table at the end of the document.

    Rows are made one by one from the grid, as python-docx's own way to merge cells takes time with
    the square of their number.

    Args:
        word: the document.
        table: what it holds.
        fill: writes a text into a paragraph.
        picture: writes a picture, by its name, into a paragraph, so wide at most (EMU).
    """
    made = word.add_table(0, table.n_columns, _STYLE)
    made.alignment = WD_TABLE_ALIGNMENT.CENTER
    widths = [int(column.width or 0) for column in made.columns]
    owners = _owners(table)
    for r, row in enumerate(owners):
        tr = made._tbl.add_tr()  # noqa: SLF001
        column = 0
        while column < table.n_columns:
            owner = row[column]
            across = owner.column_span if owner is not None else 1
            tc = tr.add_tc()
            width = sum(widths[column : column + across])
            tc.width = Emu(width)
            if across > 1:
                tc.grid_span = across
            if owner is not None and owner.row_span > 1:
                tc.vMerge = "restart" if owner.row == r else "continue"
            if owner is not None and owner.row == r:
                _fill(_Cell(tc, made), owner, fill, picture, width)
            column += across


def _owners(table: Table) -> list[list[TableCell | None]]:
    """The cell that covers each place; None where there is none."""
    owners: list[list[TableCell | None]] = [[None] * table.n_columns for _ in range(table.n_rows)]
    for cell in table.cells:
        for row in owners[cell.row : cell.row + cell.row_span]:
            row[cell.column : cell.column + cell.column_span] = [cell] * cell.column_span
    return owners


def _fill(
    made: _Cell,
    cell: TableCell,
    fill: Callable[[Paragraph, str], None],
    picture: Callable[[Paragraph, str, int], None],
    width: int,
) -> None:
    paragraph = made.paragraphs[0]
    for one in cell.content:
        if isinstance(one, TablePicture):
            picture(paragraph, one.name, width)
        else:
            fill(paragraph, one)
    if cell.head:
        for run in paragraph.runs:
            run.bold = True
