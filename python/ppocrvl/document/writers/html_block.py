# SPDX-License-Identifier: Apache-2.0
"""What was read in a block, as HTML. All text is escaped and all tags are ours."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from ppocrvl.document.tables import TablePicture, table_of
from ppocrvl.document.writers.latex import text_and_formulas
from ppocrvl.document.writers.markdown_escape import clean
from ppocrvl.markup.formula import to_mathml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ppocrvl.document.tables import Table, TableCell
    from ppocrvl.document.types import Block, Picture

_DOUBTS = ((0.7, 3), (0.85, 2), (0.95, 1))
"""Confidences below which a text is tinted, and how much."""
_HEADINGS = frozenset(("doc_title", "paragraph_title"))


def blocks_html(blocks: Sequence[Block]) -> str:
    """A `<div data-block>` with its index for each block, without styles or scripts."""
    pictures = {one.name: one for block in blocks for one in block.pictures}
    return "".join(
        f'<div data-block="{block.index}">{block_content(block, pictures)}</div>'
        for block in blocks
    )


def block_content(block: Block, pictures: Mapping[str, Picture]) -> str:
    """What stands in a block; `class="doubt-1"` to `doubt-3` where the model was not sure.

    Args:
        block: it.
        pictures: those that tables name.
    """
    table = table_of(block)
    if table is not None:
        return f"<div{_doubt(block)}>{_table(table, pictures)}</div>"
    shown = "".join(f'<p><img src="{address(one)}" alt=""></p>' for one in block.pictures)
    if block.latex:
        math = to_mathml(block.latex, block=True) or f"<pre>{escaped(block.latex)}</pre>"
        return f"{shown}<div{_doubt(block)}>{math}</div>"
    if not block.text.strip():
        return shown
    if block.label in _HEADINGS:
        level = min((block.level or 0) + 3, 6)
        return f"{shown}<h{level}{_doubt(block)}>{_inline(block.text)}</h{level}>"
    tag = "pre" if block.label == "algorithm" else "p"
    return f"{shown}<{tag}>{_lines(block)}</{tag}>"


def _lines(block: Block) -> str:
    """Each line with its own tint, if the text is still that of the lines."""
    if "\n".join(line.text for line in block.lines) != block.text:
        return f"<span{_doubt(block)}>{_inline(block.text)}</span>"
    return "\n".join(
        f"<span{_tint(line.confidence, line.text)}>{_inline(line.text)}</span>"
        for line in block.lines
    )


def _table(table: Table, pictures: Mapping[str, Picture]) -> str:
    def cell(one: TableCell) -> str:
        tag = "th" if one.head else "td"
        parts = []
        for content in one.content:
            if not isinstance(content, TablePicture):
                parts.append(_inline(content))
            elif content.name in pictures:
                parts.append(f'<img src="{address(pictures[content.name])}" alt="">')
        spans = f' rowspan="{one.row_span}" colspan="{one.column_span}"'
        return f"<{tag}{spans}>{''.join(parts)}</{tag}>"

    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in table.rows())
    return f"<table>{rows}</table>"


def _inline(text: str) -> str:
    """Text, with the formulas in it."""
    return "".join(
        escaped(one)
        if isinstance(one, str)
        else to_mathml(one.latex.strip(), block=False) or escaped(one.written)
        for one in text_and_formulas(text)
    )


def escaped(text: str) -> str:
    """The text as HTML, without characters that do not print."""
    return escape(clean(text))


def _doubt(block: Block) -> str:
    return _tint(block.confidence, block.text) if block.source == "model" else ""


def _tint(confidence: float, text: str) -> str:
    if not text.strip():
        return ""
    degree = next((degree for below, degree in _DOUBTS if confidence < below), 0)
    title = f' title="{confidence:.1%}"'
    return f'{title} class="doubt-{degree}"' if degree else title


def address(picture: Picture) -> str:
    """The picture as an address that holds it."""
    kind = "png" if picture.name.endswith(".png") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture.data).decode()}"
