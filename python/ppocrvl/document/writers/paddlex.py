# SPDX-License-Identifier: Apache-2.0
"""A JSON file for each page, as PaddleX 3.7.2 saves the results of PaddleOCR-VL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ppocrvl.document.labels import LEFT_OUT_OF_MARKDOWN, WITHOUT_ORDER
from ppocrvl.document.writers.official_content import official_content
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, PageData
    from ppocrvl.document.writers.written import WriteOptions

_LABELS = (
    *("abstract", "algorithm", "aside_text", "chart", "content", "display_formula", "doc_title"),
    *("figure_title", "footer", "footer_image", "footnote", "formula_number", "header"),
    *("header_image", "image", "inline_formula", "number", "paragraph_title", "reference"),
    *("reference_content", "seal", "table", "text", "vertical_text", "vision_footnote"),
)
"""In the order of their numbers (PP-DocLayoutV3's inference.yml)."""
_WITHOUT_ORDER = WITHOUT_ORDER - {"number"}
_IGNORED = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]
"""`markdown_ignore_labels` as that program lists them by default."""


def paddlex_files(document: Document, options: WriteOptions) -> list[File]:
    """`<stem>_0_res.json` and so on, by the index of the page."""
    return [
        File(
            f"{options.stem}_{page.index}_res.json",
            json.dumps(paddlex_page(document, page), ensure_ascii=False, indent=4),
        )
        for page in document.pages
    ]


def paddlex_page(document: Document, page: PageData) -> dict[str, Any]:
    """The values of a page."""
    read = {block.label for block in page.blocks if block.source != "none"}
    settings = {
        "use_doc_preprocessor": False,
        "use_layout_detection": all(block.label in _LABELS for block in page.blocks),
        "use_chart_recognition": "chart" in read,
        "use_seal_recognition": "seal" in read,
        "use_ocr_for_image_block": "image" in read,
        "format_block_content": False,
        "merge_layout_blocks": True,
        "markdown_ignore_labels": sorted(LEFT_OUT_OF_MARKDOWN, key=_IGNORED.index),
    }
    values: dict[str, Any] = {
        "input_path": document.name,
        "page_index": page.index,
        "page_count": document.n_pages,
        "width": page.width,
        "height": page.height,
        "model_settings": settings,
        "parsing_res_list": paddlex_blocks(page.blocks),
    }
    if settings["use_layout_detection"]:
        boxes = [_box(block) for block in page.blocks]
        values["layout_det_res"] = {"input_path": None, "page_index": None, "boxes": boxes}
    return values


def paddlex_blocks(
    blocks: Sequence[Block], ignored: Collection[str] = LEFT_OUT_OF_MARKDOWN
) -> list[dict[str, Any]]:
    """The values of blocks; those with labels that Markdown ignores have no order."""
    values, order = [], 0
    for number, block in enumerate(blocks):
        ordered = block.label not in _WITHOUT_ORDER and block.label not in ignored
        order += ordered
        one: dict[str, Any] = {
            "block_label": block.label,
            "block_content": official_content(block),
            "block_bbox": list(block.box),
            "block_id": number,
            "block_order": order if ordered else None,
            "group_id": block.group if block.group is not None else number,
        }
        if block.polygon:
            one["block_polygon_points"] = _points(block)
        values.append(one)
    return values


def _box(block: Block) -> dict[str, Any]:
    return {
        "cls_id": _LABELS.index(block.label),
        "label": block.label,
        "score": block.score,
        "coordinate": list(block.box),
        "order": block.order,
        "polygon_points": _points(block),
    }


def _points(block: Block) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in block.polygon]
