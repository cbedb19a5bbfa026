# SPDX-License-Identifier: Apache-2.0
"""A document as one text: what is written, in which order, joined over columns and pages.

Formats that show pages as they are (HTML, PaddleX's) do not use it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.document.joining import joined
from ppocrvl.document.tables import table_of
from ppocrvl.markup.dollars import has_formula

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ppocrvl.document.tables import Table
    from ppocrvl.document.types import Block, PageData, Picture

Kind: TypeAlias = Literal[
    "heading", "paragraph", "lines", "code", "table", "formula", "figure", "page", "failed"
]

_FIGURES = frozenset(("image", "header_image", "footer_image", "seal", "chart"))
_KINDS: dict[str, Kind] = {
    "doc_title": "heading",
    "paragraph_title": "heading",
    "content": "lines",
    "algorithm": "code",
    "formula": "formula",
    "display_formula": "formula",
    "inline_formula": "formula",
}
_LEVELS = {"doc_title": 0, "paragraph_title": 1}
"""Of headings whose level is not known."""
_AT_THE_END = frozenset(("footnote",))
"""Labels that are written at the end of their page, where they interrupt nothing."""
_BRACKETS = re.compile(r"^[(（\[]\s*(.+?)\s*[)）\]]$", re.DOTALL)  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the text.

    Attributes:
        kind: what it is. "page": here a page begins. "failed": what was not read, `text` says why.
            "lines": its line breaks are meant.
        page: index of the page that it begins on.
        text: of a "formula" LaTeX, otherwise as that of a block.
        level: of a heading, 0 for the document's title.
        number: of a formula, without brackets; "" where it has none.
        table: of a table.
        pictures: of a figure.
    """

    kind: Kind
    page: int
    text: str = ""
    level: int = 0
    number: str = ""
    table: Table | None = None
    pictures: tuple[Picture, ...] = ()


def flow(pages: Sequence[PageData], leave_out: frozenset[str]) -> list[Part]:
    """The parts of a document.

    Args:
        pages: in their order.
        leave_out: labels of blocks that are not written.
    """
    parts: list[Part] = []
    running: int | None = None  # where the text stands that the next block may go on
    for number, page in enumerate(pages):
        if number:
            parts.append(Part("page", page.index))
        if page.error is not None:
            parts.append(Part("failed", page.index, f"page {page.index + 1}: {page.error}"))
        for block, part in _parts(page, leave_out):
            if part.kind == "paragraph" and block.joins_previous and running is not None:
                before = parts[running]
                parts[running] = replace(before, text=joined(before.text, part.text))
                continue
            if part.kind == "paragraph" and block.order is not None:
                running = len(parts)
            parts.append(part)
    return parts


def _parts(page: PageData, leave_out: frozenset[str]) -> Iterator[tuple[Block, Part]]:
    """Those of a page, each with its block."""
    blocks = [block for block in page.blocks if block.label not in leave_out]
    last = [block for block in blocks if block.label in _AT_THE_END]
    numbers = _formula_numbers(blocks)
    for block in (*(one for one in blocks if one.label not in _AT_THE_END), *last):
        if block.index in numbers.values():
            continue
        if block.error is not None:
            yield block, Part("failed", page.index, f"{_name(block, page.index)}: {block.error}")
        number = next((one.text for one in blocks if one.index == numbers.get(block.index)), "")
        for part in _of_block(block, page.index, number):
            yield block, part


def _name(block: Block, page: int) -> str:
    return f"page {page + 1}, block {block.index + 1} ({block.label})"


def _of_block(block: Block, page: int, number: str) -> Iterable[Part]:
    table = table_of(block)
    if table is not None:
        return [Part("table", page, table=table)]
    parts = []
    # A formula, say: a figure is not text, but this is.
    is_unread = block.source == "none" and block.error is None and block.label not in _FIGURES
    if block.pictures and is_unread:
        why = "the model was not trained for this"
        parts.append(Part("failed", page, f"{_name(block, page)}: {why}"))
    if block.pictures and (block.label in _FIGURES or is_unread):
        parts.append(Part("figure", page, pictures=block.pictures))
    kind = _KINDS.get(block.label, "paragraph")
    text = block.latex if kind == "formula" and block.latex is not None else block.text
    if kind == "code" and has_formula(text):
        kind = "lines"
    if text.strip():
        level = block.level if block.level is not None else _LEVELS.get(block.label, 0)
        parts.append(Part(kind, page, text.strip("\n"), level, number=_bare(number)))
    return parts


def _formula_numbers(blocks: Sequence[Block]) -> dict[int, int]:
    """Of each formula that is followed by its number the indices of both."""
    return {
        one.index: after.index
        for one, after in pairwise(blocks)
        if _KINDS.get(one.label) == "formula"
        and after.label == "formula_number"
        and one.text
        and after.error is None
    }


def _bare(number: str) -> str:
    found = _BRACKETS.match(number.strip())
    return found[1] if found else number.strip()
