# SPDX-License-Identifier: Apache-2.0
"""Pages as PaddleX's server answers them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ppocrvl.document.document import Document
from ppocrvl.document.draw import drawn_page
from ppocrvl.document.writers.official_markdown import official_block, official_files
from ppocrvl.document.writers.paddlex import paddlex_blocks, paddlex_page
from ppocrvl.server.paddlex.answers import PageMarkdown, PageParsing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ppocrvl.document.types import Block, PageData
    from ppocrvl.document.writers.written import WriteOptions

_PRUNED = ("input_path", "page_index")
"""What this server leaves out of a page's JSON, at every place of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStyle:
    """How pages are answered.

    Attributes:
        settings: that differ from those of `paddlex_page`.
        markdown: how Markdown is written.
        has_pictures: answer the figures of the Markdown.
        has_images: answer images of the pages.
        formats_blocks: write contents of blocks as Markdown.
    """

    settings: dict[str, Any]
    markdown: WriteOptions
    has_pictures: bool = True
    has_images: bool = False
    formats_blocks: bool = False


def page_answers(
    document: Document, style: PageStyle, groups: Sequence[Sequence[int]] | None = None
) -> list[PageParsing]:
    """What is answered of each page.

    Args:
        document: its pages.
        style: how.
        groups: of `global_groups`, where pages were put in relation.
    """
    answers, first = [], 0
    for number, page in enumerate(document.pages):
        values = _pruned(paddlex_page(document, page))
        values["model_settings"] |= style.settings
        values["parsing_res_list"] = paddlex_blocks(page.blocks, style.markdown.labels_left_out)
        if style.formats_blocks:
            _format(values["parsing_res_list"], page, style.markdown)
        if groups is not None:
            number_globally(values["parsing_res_list"], first, groups[number])
            first += len(page.blocks)
        answers.append(_answer(page, values, style))
    return answers


def page_markdown(page: PageData, options: WriteOptions) -> tuple[str, dict[str, str]]:
    """The Markdown of a page, and its pictures as base64 by name."""
    text, *pictures = official_files(Document.of("page", 1, [page]), options)
    return str(text.data), {one.name: _base64(b"".join(one.pieces())) for one in pictures}


def global_groups(pages: Iterable[Sequence[Block]]) -> list[list[int]]:
    """The number of the group of each block, through all pages.

    A block is a group of its own, but for a table that goes on one of the page before: that is in
    its group.
    """
    groups: list[list[int]] = []
    last_table: int | None = None
    number = 0
    for blocks in pages:
        own: list[int] = []
        tables: list[int] = []
        for block in blocks:
            goes_on = block.label == "table" and block.joins_previous and not tables
            own.append(last_table if goes_on and last_table is not None else number)
            if block.label == "table":
                tables.append(own[-1])
            number += 1
        groups.append(own)
        last_table = tables[-1] if tables else None
    return groups


def number_globally(blocks: list[dict[str, Any]], first: int, groups: Sequence[int]) -> None:
    """Adds the numbers through all pages to the values of a page's blocks, where they belong."""
    for number, (block, group) in enumerate(zip(blocks, groups, strict=True)):
        outline = {name: block.pop(name) for name in ("block_polygon_points",) if name in block}
        block |= {"global_block_id": first + number, "global_group_id": group, **outline}


def _answer(page: PageData, values: dict[str, Any], style: PageStyle) -> PageParsing:
    text, pictures = page_markdown(page, style.markdown)
    images: dict[str, Any] = {}
    if style.has_images and page.image is not None:
        drawn = drawn_page(page.image.data, (page.width, page.height), page.blocks)
        images["outputImages"] = {"layout_det_res": _base64(drawn)}
        images["inputImage"] = _base64(page.image.data)
    shown = {"images": pictures} if style.has_pictures else {}
    return PageParsing(prunedResult=values, markdown=PageMarkdown(text=text, **shown), **images)


def _format(blocks: list[dict[str, Any]], page: PageData, options: WriteOptions) -> None:
    pretty = replace(options, pretty=True)
    for values, block in zip(blocks, page.blocks, strict=True):
        if block.label not in options.labels_left_out:
            values["block_content"] = (
                official_block(block, page, pretty, {}) or values["block_content"]
            )


def _pruned(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _pruned(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if name not in _PRUNED
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
