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
        confidence: mean probability of its tokens, 0 to 1; 0 if it has none.
        min_confidence: lowest probability of a token.
        box: (x0, y0, x1, y1) in pixels of the page; None if the position of the line is not known.
    """

    text: str
    confidence: float
    min_confidence: float
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in a document: a figure, or a figure inside a table.

    Attributes:
        name: file name without a folder, such as "page-3-figure-1.jpg"; unique in the document.
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
    r"""A region of a page with what was read in it.

    Attributes:
        index: position on its page in reading order, from 0, including headers and figures.
        label: class of the region, one of the 25 of PP-DocLayout.
        box: (x0, y0, x1, y1) in pixels of the page, x1 and y1 exclusive.
        box_points: the same in PDF points, origin at the top left of the page as shown.
        polygon: outline in pixels.
        score: probability of the class, 0 to 1.
        text: what was read, after post-processing. Plain text has formulas between `\(` and `\)` or
            `\[` and `\]`, and dollar signs are literal; `markup.dollars` writes formulas as
            Markdown and PaddleX do. A table is HTML, a formula LaTeX. "" if nothing was read, and
            if the text is in the first block of its group.
        order: position among the blocks of the running text, from 1, as in the official pipeline;
            None for other blocks (figures, tables, headers, footers and so on).
        html: HTML of a table or chart; None otherwise.
        latex: LaTeX of a formula, without delimiters; None otherwise.
        level: level of a heading, 0 for the title of the document; None if it is not a heading.
        group: blocks of one page with the same number were read as one; the first has the text.
        joins_previous: whether the text continues that of the previous block in the running text,
            possibly on an earlier page.
        lines: the lines of the text as the model wrote it.
        confidence: mean probability of the tokens, 0 to 1.
        min_confidence: lowest probability of a token.
        finish_reason: why reading ended; as in `Result`, "error" if it failed, "" if nothing was
            read.
        source: where the text is from: "model", "text-layer" or "none".
        attempts: how often the block was read.
        error: one line that says why it was not read; None if nothing failed.
        pictures: the image of a figure; the figures in a table.
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
        width: in pixels, as the models got the page.
        height: in pixels.
        dpi: pixels per inch at which it was rendered; 0 for an image without this information.
        rotation: degrees clockwise, 0, 90, 180 or 270, by which it was rotated to be upright.
        blocks: in reading order.
        error: one line that says why the page was not read; None if nothing failed.
        notes: remarks for the user, such as "rendered at 96 dpi instead of 144".
        image: the page as JPEG, for formats that show it; None unless requested.
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
