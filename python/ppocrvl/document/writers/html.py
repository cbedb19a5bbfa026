# SPDX-License-Identifier: Apache-2.0
"""One page of HTML: each page of the document beside what was read on it.

It asks nobody for anything: pictures are in it, and its own policy forbids the rest. All text is
escaped and all tags are ours, whatever stood on the page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.document.tables import TablePicture, table_of
from ppocrvl.document.writers.latex import text_and_formulas
from ppocrvl.document.writers.markdown_escape import clean
from ppocrvl.document.writers.written import File
from ppocrvl.images.drawing import colour_of
from ppocrvl.markup.formula import to_mathml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ppocrvl.document.document import Document
    from ppocrvl.document.tables import Table, TableCell
    from ppocrvl.document.types import Block, PageData, Picture
    from ppocrvl.document.writers.written import WriteOptions

_HERE = Path(__file__).with_name("html_page")
_DOUBTS = ((0.7, 3), (0.85, 2), (0.95, 1))
"""Confidences below which a text is tinted, and how much."""
_HEADINGS = frozenset(("doc_title", "paragraph_title"))


def html_files(document: Document, options: WriteOptions) -> list[File]:
    """The document as one file."""
    return [File(f"{options.stem}.html", partial(_pieces, document))]


def _pieces(document: Document) -> Iterator[str]:
    """The file, page by page: the pages' pictures together may be larger than memory."""
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    script = (_HERE / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    name = _text(document.name)
    yield (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{name}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
    )
    yield from map(_page, document.pages)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _page(page: PageData) -> str:
    notes = [f'<p class="note">{_text(note)}</p>' for note in page.notes]
    if page.error is not None:
        notes.append(f'<p class="error">not read: {_text(page.error)}</p>')
    pictures = {one.name: one for block in page.blocks for one in block.pictures}
    read = "\n".join(_block(block, page.index, pictures) for block in page.blocks)
    return (
        f'<section class="page"><h2>Page {page.index + 1}</h2>{"".join(notes)}\n'
        f'<div class="sides"><div class="shown">{_shown(page)}</div>\n'
        f'<div class="read">\n{read}\n</div></div></section>\n'
    )


def _shown(page: PageData) -> str:
    """The page with the blocks' outlines."""
    image = f'<img src="{_address(page.image)}" alt="">' if page.image is not None else ""
    outlines = "".join(_outline(block, page.index) for block in page.blocks)
    return f'{image}<svg viewBox="0 0 {page.width} {page.height}">{outlines}</svg>'


def _outline(block: Block, page: int) -> str:
    x0, y0, x1, y1 = block.box
    corners = block.polygon or ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    points = " ".join(f"{x:g},{y:g}" for x, y in corners)
    return (
        f'<g data-block="{page}-{block.index}" style="color:{_colour(block)}">'
        f'<title>{_title(block)}</title><polygon points="{points}"/></g>'
    )


def _block(block: Block, page: int, pictures: Mapping[str, Picture]) -> str:
    about = [_title(block)]
    if block.source == "model":
        about.append(f"{block.confidence:.0%}")
    if block.source == "text-layer":
        about.append("text layer")
    if block.finish_reason not in {"", "stop"}:
        about.append(block.finish_reason)
    error = f'<p class="error">not read: {_text(block.error)}</p>' if block.error else ""
    return (
        f'<article tabindex="0" data-block="{page}-{block.index}" style="border-color:'
        f'{_colour(block)}"><header>{" · ".join(about)}</header>{error}'
        f"{_content(block, pictures)}</article>"
    )


def _content(block: Block, pictures: Mapping[str, Picture]) -> str:
    table = table_of(block)
    if table is not None:
        return f"<div{_doubt(block)}>{_table(table, pictures)}</div>"
    shown = "".join(f'<p><img src="{_address(one)}" alt=""></p>' for one in block.pictures)
    if block.latex:
        math = to_mathml(block.latex, block=True) or f"<pre>{_text(block.latex)}</pre>"
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
                parts.append(f'<img src="{_address(pictures[content.name])}" alt="">')
        spans = f' rowspan="{one.row_span}" colspan="{one.column_span}"'
        return f"<{tag}{spans}>{''.join(parts)}</{tag}>"

    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in table.rows())
    return f"<table>{rows}</table>"


def _inline(text: str) -> str:
    """Text, with the formulas in it."""
    return "".join(
        _text(one)
        if isinstance(one, str)
        else to_mathml(one.latex.strip(), block=False) or _text(one.written)
        for one in text_and_formulas(text)
    )


def _text(text: str) -> str:
    return escape(clean(text))


def _title(block: Block) -> str:
    return f"{block.index + 1} {_text(block.label)}"


def _doubt(block: Block) -> str:
    return _tint(block.confidence, block.text) if block.source == "model" else ""


def _tint(confidence: float, text: str) -> str:
    if not text.strip():
        return ""
    degree = next((degree for below, degree in _DOUBTS if confidence < below), 0)
    title = f' title="{confidence:.1%}"'
    return f'{title} class="doubt-{degree}"' if degree else title


def _colour(block: Block) -> str:
    return "#" + bytes(colour_of(block.label)).hex()


def _address(picture: Picture) -> str:
    kind = "png" if picture.name.endswith(".png") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture.data).decode()}"
