# SPDX-License-Identifier: Apache-2.0
"""One page of HTML: each page of the document beside what was read on it.

It asks nobody for anything: pictures are in it, and its own policy forbids the rest. All text is
escaped and all tags are ours, whatever stood on the page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.document.writers.html_block import address, block_content, escaped
from ppocrvl.document.writers.written import File
from ppocrvl.images.drawing import colour_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, PageData, Picture
    from ppocrvl.document.writers.written import WriteOptions

_HERE = Path(__file__).with_name("html_page")


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
    name = escaped(document.name)
    yield (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{name}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
    )
    yield from map(_page, document.pages)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _page(page: PageData) -> str:
    notes = [f'<p class="note">{escaped(note)}</p>' for note in page.notes]
    if page.error is not None:
        notes.append(f'<p class="error">not read: {escaped(page.error)}</p>')
    pictures = {one.name: one for block in page.blocks for one in block.pictures}
    read = "\n".join(_block(block, page.index, pictures) for block in page.blocks)
    return (
        f'<section class="page"><h2>Page {page.index + 1}</h2>{"".join(notes)}\n'
        f'<div class="sides"><div class="shown">{_shown(page)}</div>\n'
        f'<div class="read">\n{read}\n</div></div></section>\n'
    )


def _shown(page: PageData) -> str:
    """The page with the blocks' outlines."""
    image = f'<img src="{address(page.image)}" alt="">' if page.image is not None else ""
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
    error = f'<p class="error">not read: {escaped(block.error)}</p>' if block.error else ""
    return (
        f'<article tabindex="0" data-block="{page}-{block.index}" style="border-color:'
        f'{_colour(block)}"><header>{" · ".join(about)}</header>{error}'
        f"{block_content(block, pictures)}</article>"
    )


def _title(block: Block) -> str:
    return f"{block.index + 1} {escaped(block.label)}"


def _colour(block: Block) -> str:
    return "#" + bytes(colour_of(block.label)).hex()
