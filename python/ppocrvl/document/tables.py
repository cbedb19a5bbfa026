# SPDX-License-Identifier: Apache-2.0
"""Tables of a document, read from their HTML. What else stands in it is left behind."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block

MAX_SPAN = 1000
"""As browsers have it for columns (HTML, 4.9.11)."""
MAX_PLACES = 50_000
"""Of a table's grid. Beyond it spans count as 1, so that some letters do not ask for gigabytes."""

_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TablePicture:
    """A picture in a cell, by the name of its file."""

    name: str


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell of a table.

    Attributes:
        row: of its upper left corner, from 0.
        column: likewise.
        content: texts and pictures in their order; lines end with a line break.
        row_span: rows that it covers.
        column_span: columns that it covers.
        head: whether it is a heading.
    """

    row: int
    column: int
    content: tuple[str | TablePicture, ...] = ()
    row_span: int = 1
    column_span: int = 1
    head: bool = False

    @property
    def text(self) -> str:
        """Its text alone."""
        return "".join(one for one in self.content if isinstance(one, str)).strip()


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        cells: by row, and by column in it; each place of the grid belongs to one at most.
        n_rows: number of rows.
        n_columns: number of columns.
    """

    cells: tuple[TableCell, ...]
    n_rows: int
    n_columns: int

    @property
    def has_spans(self) -> bool:
        """Whether a cell covers more than one place."""
        return any(cell.row_span > 1 or cell.column_span > 1 for cell in self.cells)

    def rows(self) -> list[list[TableCell]]:
        """The cells that begin in each row."""
        rows: list[list[TableCell]] = [[] for _ in range(self.n_rows)]
        for cell in self.cells:
            rows[cell.row].append(cell)
        return rows

    def grid(self) -> list[list[TableCell | None]]:
        """Each row with a cell or None for each column: a cell stands where it begins."""
        grid: list[list[TableCell | None]] = [[None] * self.n_columns for _ in range(self.n_rows)]
        for cell in self.cells:
            grid[cell.row][cell.column] = cell
        return grid


def table_of(block: Block) -> Table | None:
    """The table of a block; None where it has none.

    A chart's text has the lines and cells as the model wrote them, its HTML formulas as MathML.
    """
    if block.html is None:
        return None
    if block.label == "chart" and "|" in block.text.partition("\n")[0]:
        lines = [line.split("|") for line in block.text.split("\n")]
        return _laid_out(
            [[_Raw([cell.strip()], head=r == 0) for cell in line] for r, line in enumerate(lines)]
        )
    return read_table(block.html)


def read_table(html: str) -> Table | None:
    """The first table in the HTML, those within it as text; None where there is no cell.

    Args:
        html: any text. Unknown elements are left out, what stands in them is kept.
    """
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return _laid_out(parser.rows)


@dataclass(slots=True)
class _Raw:
    """A cell before its place is known."""

    content: list[str | TablePicture] = field(default_factory=list)
    row_span: int = 1
    column_span: int = 1
    head: bool = False


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[_Raw]] = []
        self._cell: _Raw | None = None
        self._ended = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._ended:
            return
        values = dict(attrs)
        if tag == "tr":
            self.rows.append([])
            self._cell = None
        elif tag in {"td", "th"}:
            if not self.rows:
                self.rows.append([])
            self._cell = _Raw([], _span(values, "rowspan"), _span(values, "colspan"), tag == "th")
            self.rows[-1].append(self._cell)
        elif self._cell is not None and tag == "br":
            self._cell.content.append("\n")
        elif self._cell is not None and tag == "img" and values.get("src"):
            self._cell.content.append(TablePicture(str(values["src"])))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th", "tr"}:
            self._cell = None
        elif tag == "table":
            self._ended = True

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._ended:
            self._cell.content.append(data)


def _span(values: dict[str, str | None], name: str) -> int:
    found = _NUMBER.fullmatch((values.get(name) or "").strip())
    return min(max(1, int(found[0])), MAX_SPAN) if found else 1


def _laid_out(rows: Sequence[Sequence[_Raw]]) -> Table | None:
    """Each cell at the first place of its row that no cell from above covers."""
    cells: list[TableCell] = []
    taken: set[tuple[int, int]] = set()
    for r, row in enumerate(rows):
        column = 0
        for raw in row:
            while (r, column) in taken:
                column += 1
            down, across = min(raw.row_span, len(rows) - r), raw.column_span
            if len(taken) + down * across > MAX_PLACES:
                down = across = 1
            across = _free(taken, r, column, across)
            taken.update((r + i, column + k) for i in range(down) for k in range(across))
            cells.append(TableCell(r, column, tuple(raw.content), down, across, raw.head))
            column += across
    if not cells:
        return None
    return Table(tuple(cells), len(rows), max(cell.column + cell.column_span for cell in cells))


def _free(taken: set[tuple[int, int]], row: int, column: int, across: int) -> int:
    """How many of the places in a row are free, up to the first that is not."""
    return next((k for k in range(1, across) if (row, column + k) in taken), across)
