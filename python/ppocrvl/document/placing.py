# SPDX-License-Identifier: Apache-2.0
"""Where the words of a page stand, for formats that lay text over its picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from ppocrvl.document.lists import full_lines
from ppocrvl.document.table_places import cell_places
from ppocrvl.document.tables import table_of
from ppocrvl.document.text_width import SPACE, text_width
from ppocrvl.document.word_gaps import empty_spans, find_spaces
from ppocrvl.images.ink import ink_mask
from ppocrvl.images.lines import find_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ppocrvl.document.types import Block, Box, PageData

    Pixels = NDArray[np.uint8]

PlacedBox: TypeAlias = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in pixels of the page."""

_BRACKETS = re.compile(r"\\[()\[\]]")
_HIGHEST = 1.5
"""Of a line whose height nothing tells, by the size of letters that are as wide as it."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word, or what else stands without a space in it."""

    text: str
    box: PlacedBox


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of text.

    Attributes:
        words: from left to right, at least one.
        box: around them.
        confidence: mean probability of its tokens, 0 to 1.
    """

    words: tuple[PlacedWord, ...]
    box: PlacedBox
    confidence: float

    @property
    def text(self) -> str:
        """Words with spaces between them."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block and the lines of what was read in it, which may be none."""

    block: Block
    lines: tuple[PlacedLine, ...]


def place(page: PageData, pixels: Pixels | None = None) -> list[PlacedBlock]:
    """The blocks of a page with the places of their words.

    Lines stand where they were found when the page was read, words between the spaces that the
    picture shows. Without a picture words are as wide as in an average font.

    Args:
        page: with its blocks.
        pixels: uint8 [height, width, 3] of it; None: those of its image, if it has one.
    """
    if pixels is None and page.image is not None:
        with Image.open(BytesIO(page.image.data)) as image:
            shown = image.convert("RGB")
        if shown.size != (page.width, page.height):
            shown = shown.resize((page.width, page.height))
        pixels = np.asarray(shown)
    placer = _Placer(page, pixels)
    return [PlacedBlock(block, tuple(placer.lines(block))) for block in page.blocks]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose words have no places yet."""

    text: str
    box: PlacedBox
    confidence: float


class _Placer:
    """What the blocks of a page share."""

    def __init__(self, page: PageData, pixels: Pixels | None) -> None:
        self._page = page
        self._pixels = pixels
        self._ink = None if pixels is None else ink_mask(pixels)

    def lines(self, block: Block) -> list[PlacedLine]:
        placed = (self._placed(line) for line in self._unplaced(block))
        return [line for line in placed if line is not None]

    def _unplaced(self, block: Block) -> list[_Line]:
        sure = block.confidence
        table = table_of(block)
        if table is not None:
            cells = cell_places(table, block.box, self._ink_in(block.box))
            rows = (_rows(box, full_lines(cell.text), sure) for cell, box in cells)
            return [line for lines in rows for line in lines]
        if block.latex is not None:
            return _rows(block.box, [" ".join(block.latex.split())], sure)
        read = [line for line in block.lines if line.text.strip()]
        if read and all(line.box is not None for line in read):
            return [_Line(one.text, one.box or block.box, one.confidence) for one in read]
        texts, boxes = full_lines(block.text), self._found(block)
        if not texts or not boxes:
            return _rows(block.box, texts, sure)
        if len(boxes) != len(texts):
            texts = _poured(block.text.split(), [x1 - x0 for x0, _, x1, _ in boxes])
        return [_Line(text, box, sure) for text, box in zip(texts, boxes, strict=True)]

    def _found(self, block: Block) -> list[PlacedBox]:
        """The lines of a block, or of all that were read as one with it."""
        if self._pixels is None:
            return []
        if block.group is None:
            parts = [block]
        else:
            parts = [one for one in self._page.blocks if one.group == block.group]
        found: list[PlacedBox] = []
        for part in parts:
            x0, y0, x1, y1 = part.box
            crop = self._pixels[y0:y1, x0:x1]
            lines = find_lines(crop) if crop.size else []
            found += [(x0 + a, y0 + b, x0 + c, y0 + d) for a, b, c, d in lines]
        return found

    def _ink_in(self, box: Box) -> NDArray[np.bool_] | None:
        if self._ink is None:
            return None
        x0, y0, x1, y1 = box
        return self._ink[y0:y1, x0:x1]

    def _placed(self, line: _Line) -> PlacedLine | None:
        words = _BRACKETS.sub("", line.text).split()
        x0, y0, x1, y1 = line.box
        if not words or x1 <= x0 or y1 <= y0:
            return None
        spaces = _expected_spaces(words, x0, x1)
        ink = self._ink_in((round(x0), round(y0), round(x1), round(y1)))
        if ink is not None and spaces:
            gaps = [(x0 + a, x0 + b) for a, b in empty_spans(np.asarray(ink.any(axis=0)))]
            spaces = find_spaces(spaces, gaps, y1 - y0)
        starts = [x0, *(space[1] for space in spaces)]
        ends = [*(space[0] for space in spaces), x1]
        placed = tuple(
            PlacedWord(text, (a, y0, max(a, b), y1))
            for text, a, b in zip(words, starts, ends, strict=True)
        )
        return PlacedLine(placed, line.box, line.confidence)


def _expected_spaces(words: Sequence[str], x0: float, x1: float) -> list[tuple[float, float]]:
    """Where the spaces between words would be if the line were set in an average font."""
    widths = [text_width(word) for word in words]
    scale = (x1 - x0) / ((sum(widths) + SPACE * (len(words) - 1)) or 1)
    spaces, x = [], x0
    for width in widths[:-1]:
        begin = x + width * scale
        x = begin + SPACE * scale
        spaces.append((begin, x))
    return spaces


def _poured(words: Sequence[str], widths: Sequence[float]) -> list[str]:
    """Words over lines of these widths, each where its middle would be."""
    lengths = [text_width(word) + SPACE for word in words]
    scale = sum(lengths) / (sum(widths) or 1)
    ends = np.cumsum(widths) * scale
    middles = np.cumsum(lengths) - np.array(lengths) / 2
    numbers = np.minimum(np.searchsorted(ends, middles), len(widths) - 1)
    lines: list[list[str]] = [[] for _ in widths]
    for word, number in zip(words, numbers, strict=True):
        lines[number].append(word)
    return [" ".join(line) for line in lines]


def _rows(box: PlacedBox, texts: Sequence[str], confidence: float) -> list[_Line]:
    """Lines one under the other, each no higher than letters of its width can be."""
    x0, y0, x1, y1 = box
    step = (y1 - y0) / max(1, len(texts))
    lines = []
    for i, text in enumerate(texts):
        width = sum(map(text_width, text.split())) or 1
        height = min(step, _HIGHEST * 100 * (x1 - x0) / width)
        middle = y0 + step * (i + 0.5)
        place = (x0, middle - height / 2, x1, middle + height / 2)
        lines.append(_Line(text, place, confidence))
    return lines
