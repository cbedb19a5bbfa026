# SPDX-License-Identifier: Apache-2.0
"""Levels of a document's headings, from their numbers and their size (PaddleX, title_level.py)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.parsing.heading_numbering import is_first_level, numbering
from ppocrvl.parsing.height_classes import height_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ppocrvl.document.types import Block, Box
    from ppocrvl.parsing.heading_numbering import Numbering, Style

TITLE, HEADING = "doc_title", "paragraph_title"
_N_SIZES = 4


def line_height(box: Box, text: str) -> int:
    """Height of a heading's lines in pixels; of a heading that is set upright, their width."""
    width, height = box[2] - box[0], box[3] - box[1]
    n_lines = text.strip().count("\n") + 1
    return min(width, height) // n_lines


def heading_levels(headings: Sequence[tuple[str, int]]) -> list[int]:
    """Levels of headings, from 1.

    A number tells the level in two ways: by its style, and by which styles came before it. Its size
    is the third vote; without two equal votes, the second way counts. Headings without a number go
    by well-known words, then by size.

    Args:
        headings: text and height of a line in pixels, in the order of the document.
    """
    numbers = [numbering(text) for text, _ in headings]
    sizes = height_classes((height for _, height in headings), _N_SIZES)
    rank = _ranks(numbers)
    first_decimal = next((one.level for one in numbers if one and one.style == "decimal"), 0)
    levels = []
    for (text, height), number in zip(headings, numbers, strict=True):
        if number is not None:
            by_rank = rank[number.style]
            if number.style == "decimal":
                by_rank += number.level - first_decimal
            levels.append(_vote(number.level, by_rank, sizes[height]))
        else:
            levels.append(1 if is_first_level(text) else sizes[height])
    return levels


def _ranks(numbers: Iterable[Numbering | None]) -> dict[Style, int]:
    """Of each style of numbering, as how many-th it is first used, from 1."""
    styles = dict.fromkeys(one.style for one in numbers if one is not None)
    return {style: rank for rank, style in enumerate(styles, start=1)}


def _vote(by_style: int, by_rank: int, by_size: int) -> int:
    level, votes = Counter((by_style, by_rank, by_size)).most_common(1)[0]
    return level if votes > 1 else by_rank


def with_levels(pages: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """The blocks of all pages with the levels of their headings; a title is of level 0."""
    headings = [
        (block.text, line_height(block.box, block.text))
        for blocks in pages
        for block in blocks
        if block.label == HEADING
    ]
    levels = iter(heading_levels(headings))

    def with_level(block: Block) -> Block:
        if block.label == TITLE:
            return replace(block, level=0)
        return replace(block, level=next(levels)) if block.label == HEADING else block

    return [[with_level(block) for block in blocks] for blocks in pages]
