# SPDX-License-Identifier: Apache-2.0
"""What a parsed document is made of: pages, blocks, lines. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Box: TypeAlias = tuple[int, int, int, int]
PointsBox: TypeAlias = tuple[float, float, float, float]
Polygon: TypeAlias = tuple[tuple[float, float], ...]
# "none": not read, as a figure is not, or a block that failed.
BlockSource: TypeAlias = Literal["model", "text-layer", "none"]
# As `ppocrvl.Result.finish_reason`; "error": see the block's error; "" where nothing was read.
BlockFinish: TypeAlias = Literal[
    "stop", "length", "repetition", "cancelled", "deadline", "error", ""
]


@dataclass(frozen=True, slots=True)
class BlockLine:
    """One line of a block's text.

    Attributes:
        text: without its line break.
        confidence: mean probability of its tokens, 0 to 1; 0 where there are none.
        min_confidence: the lowest of them.
        box: (x0, y0, x1, y1) in pixels of the page, where the line was found; None otherwise.
    """

    text: str
    confidence: float
    min_confidence: float
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a document keeps: a figure, or what stands in a table.

    Attributes:
        name: of its file, without a folder, such as "page-3-figure-1.jpg"; unique in the document.
        data: the encoded file.
        width: in pixels.
        height: in pixels.
    """

    name: str
    data: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Block:
    r"""A region of a page and what was read there.

    Attributes:
        index: place on its page in reading order, from 0, headers and figures included.
        label: class of the region, one of the 25 of PP-DocLayout.
        box: (x0, y0, x1, y1) in pixels of the page, x1 and y1 exclusive.
        box_points: the same in PDF points, origin at the top left of the page as shown.
        polygon: outline in pixels.
        score: probability of the class, 0 to 1.
        text: what was read, after post-processing: plain text with formulas between `\(` and `\)`
            or `\[` and `\]` (dollar signs are prices; `markup.dollars` spells formulas as
            Markdown and PaddleX do), HTML for a table, LaTeX for a formula. "" where nothing was
            read, and in a block whose text went to the first of its group.
        order: place among the blocks of the running text, from 1; None for what stands outside it
            (figures, tables, headers, footers and so on), as the official pipeline numbers them.
        html: of a table or chart; None otherwise.
        latex: of a formula, without delimiters; None otherwise.
        level: of a heading, 0 for the document's title; None where it is none.
        group: blocks of one page with the same number were read as one; the first has the text.
        joins_previous: the text goes on that of the block before in the running text, maybe on an
            earlier page.
        lines: of the text as the model wrote it.
        confidence: mean probability of the tokens, 0 to 1.
        min_confidence: the lowest of them.
        finish_reason: why reading ended.
        source: where the text is from.
        attempts: how often the block was read.
        error: one line that says why it was not read; None where nothing failed.
        pictures: of a figure its pixels; of a table the figures in it.
    """

    index: int
    label: str
    box: Box
    box_points: PointsBox
    polygon: Polygon
    score: float = 1.0
    text: str = ""
    order: int | None = None
    html: str | None = None
    latex: str | None = None
    level: int | None = None
    group: int | None = None
    joins_previous: bool = False
    lines: tuple[BlockLine, ...] = ()
    confidence: float = 0.0
    min_confidence: float = 0.0
    finish_reason: BlockFinish = ""
    source: BlockSource = "none"
    attempts: int = 0
    error: str | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class PageData:
    """A page and its blocks.

    Attributes:
        index: in its document, from 0; page ranges leave gaps.
        width: in pixels, as it was shown to the models.
        height: in pixels.
        dpi: pixels per inch at which it was rendered; 0 for a picture that does not say.
        rotation: degrees clockwise, 0, 90, 180 or 270, by which it was turned upright.
        blocks: in reading order.
        error: one line that says why the page was not read; None where nothing failed.
        notes: what a reader should know, such as "rendered at 96 dpi instead of 144".
        image: the page as JPEG, for formats that show it; None unless it was asked for.
    """

    index: int
    width: int
    height: int
    dpi: float
    rotation: int = 0
    blocks: tuple[Block, ...] = ()
    error: str | None = None
    notes: tuple[str, ...] = ()
    image: Picture | None = None
