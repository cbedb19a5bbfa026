# SPDX-License-Identifier: Apache-2.0
"""A document as plain values for JSON; docs/document.schema.json is the schema of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, BlockLine, PageData, Picture

VERSION = 1
"""Of these values. It rises when something that was there changes or goes away."""


def document_values(document: Document) -> dict[str, Any]:
    """All of a document but the bytes of its pictures."""
    return {
        "version": VERSION,
        "name": document.name,
        "n_pages": document.n_pages,
        "pages": [page_values(page) for page in document.pages],
    }


def page_values(page: PageData) -> dict[str, Any]:
    """All of a page but pixels."""
    return {
        "index": page.index,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "rotation": page.rotation,
        "error": page.error,
        "notes": list(page.notes),
        "blocks": [block_values(block) for block in page.blocks],
    }


def block_values(block: Block) -> dict[str, Any]:
    """All of a block but pixels."""
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
        "pictures": [_picture(picture) for picture in block.pictures],
    }


def _line(line: BlockLine) -> dict[str, Any]:
    return {
        "text": line.text,
        "confidence": round(line.confidence, 6),
        "min_confidence": round(line.min_confidence, 6),
        "box": None if line.box is None else list(line.box),
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {"name": picture.name, "width": picture.width, "height": picture.height}
