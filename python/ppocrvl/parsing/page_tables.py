# SPDX-License-Identifier: Apache-2.0
"""A table that goes on at the top of the next page becomes one table (PaddleX, merge_table.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.parsing.table_rows import cells_of, join_rows, n_columns, split_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block
    from ppocrvl.parsing.table_rows import RowCell

_MAY_FOLLOW = frozenset(("footer", "footer_image", "footnote", "number", "seal", "vision_footnote"))
"""Labels of what may stand under the upper part, to the end of its page."""
_MAY_PRECEDE = frozenset(("header", "header_image", "number", "seal"))
"""Labels of what may stand over the lower part, from the start of its page."""
_WIDTHS_DIFFER = 0.1
"""Of the narrower part, from which on two tables are not one."""
_MAX_HEADER_ROWS = 5
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def joined_tables(pages: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """The blocks of neighbouring pages with tables that are one put together.

    The first part gets all rows. The others keep their places without a text, as
    `joins_previous`.
    """
    joined = [list(blocks) for blocks in pages]
    for upper_page, lower_page in zip(joined[-2::-1], joined[:0:-1], strict=True):
        upper = _index(upper_page, last=True)
        lower = _index(lower_page, last=False)
        if upper is None or lower is None:
            continue
        whole = _joined(upper_page, upper, lower_page, lower)
        if whole is not None:
            upper_page[upper] = replace(upper_page[upper], text=whole, html=whole)
            lower_page[lower] = replace(lower_page[lower], text="", html=None, joins_previous=True)
    return joined


def _index(blocks: Sequence[Block], *, last: bool) -> int | None:
    tables = [i for i, block in enumerate(blocks) if block.label == "table"]
    return tables[-1 if last else 0] if tables else None


def _joined(
    upper_page: Sequence[Block], upper: int, lower_page: Sequence[Block], lower: int
) -> str | None:
    """The whole table's HTML, if the two are one."""
    first, second = upper_page[upper], lower_page[lower]
    if (
        not _equally_wide(first, second)
        or any(block.label not in _MAY_FOLLOW for block in upper_page[upper + 1 :])
        or any(block.label not in _MAY_PRECEDE for block in lower_page[:lower])
        or first.html is None
        or second.html is None
    ):
        return None
    return join_tables(first.html, second.html)


def _equally_wide(first: Block, second: Block) -> bool:
    a, b = (block.box[2] - block.box[0] for block in (first, second))
    return min(a, b) > 0 and abs(a - b) / min(a, b) < _WIDTHS_DIFFER


def join_tables(upper: str, lower: str) -> str | None:
    """One table of two, if the rows of the second can follow those of the first.

    They can if both have equally many columns, or if the first row that is new has as many columns
    or cells as the last row above it. A head that is repeated is left out.
    """
    above, below = split_rows(upper), split_rows(lower)
    cells_above, cells_below = list(map(cells_of, above)), list(map(cells_of, below))
    if not above or not below:
        return None
    n_same = _repeated_rows(cells_above, cells_below)
    new = cells_below[n_same:]
    if n_columns(cells_above) == n_columns(cells_below) or (
        new and _row_follows(cells_above[-1], new[0])
    ):
        return join_rows([*above, *below[n_same:]])
    return None


def _repeated_rows(above: Sequence[Sequence[RowCell]], below: Sequence[Sequence[RowCell]]) -> int:
    n_same = 0
    for a, b in list(zip(above, below, strict=False))[:_MAX_HEADER_ROWS]:
        if list(map(_shape, a)) != list(map(_shape, b)):
            break
        n_same += 1
    return n_same


def _shape(cell: RowCell) -> tuple[str, int]:
    """What must be equal in repeated cells: white space and the width of letters do not count."""
    return "".join(cell.text.translate(_HALF_WIDTH).split()), cell.column_span


def _row_follows(last: Sequence[RowCell], first: Sequence[RowCell]) -> bool:
    across = [sum(cell.column_span for cell in row) for row in (last, first)]
    return across[0] == across[1] or len(last) == len(first)
