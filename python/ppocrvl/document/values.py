# SPDX-License-Identifier: Apache-2.0
"""A document as plain values for JSON; docs/document.schema.json is the schema of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, BlockLine, PageData, Picture

VERSION = 1
"""Of these values. It rises when something that was there changes or goes away."""


def document_values(document: Document, *, with_bytes: bool = False) -> dict[str, Any]:
    """All of a document, the bytes of its pictures only if they are wanted."""
    return {
        "version": VERSION,
        "name": document.name,
        "n_pages": document.n_pages,
        "pages": [page_values(page, with_bytes=with_bytes) for page in document.pages],
    }


def page_values(page: PageData, *, with_bytes: bool = False) -> dict[str, Any]:
    """All of a page; its image, and the bytes of its pictures, only if they are wanted."""
    image = {}
    if with_bytes and page.image is not None:
        image["image"] = _picture(page.image, with_bytes=True)
    return {
        "index": page.index,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "rotation": page.rotation,
        "error": page.error,
        "notes": list(page.notes),
        "blocks": [block_values(block, with_bytes=with_bytes) for block in page.blocks],
        **image,
    }


def block_values(block: Block, *, with_bytes: bool = False) -> dict[str, Any]:
    """All of a block; the bytes of its pictures only if they are wanted."""
    return {
        "index": block.index,
        "label": block.label,
        "order": block.order,
        "box": list(block.box),
        "box_points": [round(side, 3) for side in block.box_points],
        "polygon": [[float(x), float(y)] for x, y in block.polygon],
        "score": round(block.score, 6),
        "text": block.text,
        "html": block.html,
        "latex": block.latex,
        "level": block.level,
        "group": block.group,
        "joins_previous": block.joins_previous,
        "lines": [_line(line) for line in block.lines],
        "confidence": round(block.confidence, 6),
        "min_confidence": round(block.min_confidence, 6),
        "finish_reason": block.finish_reason,
        "source": block.source,
        "attempts": block.attempts,
        "error": block.error,
        "pictures": [_picture(picture, with_bytes=with_bytes) for picture in block.pictures],
    }


def _line(line: BlockLine) -> dict[str, Any]:
    return {
        "text": line.text,
        "confidence": round(line.confidence, 6),
        "min_confidence": round(line.min_confidence, 6),
        "box": None if line.box is None else list(line.box),
    }


def _picture(picture: Picture, *, with_bytes: bool) -> dict[str, Any]:
    data = {"data": base64.b64encode(picture.data).decode()} if with_bytes else {}
    return {"name": picture.name, "width": picture.width, "height": picture.height, **data}
