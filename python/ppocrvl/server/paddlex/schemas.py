# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - the names are theirs
"""Requests of PaddleX 3.7.2's server (its inference/serving/schemas/paddleocr_vl.py).

What cannot be honoured takes the one value that can. Unknown fields are ignored, as there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS

MAX_BLOCKS = 10_000
"""Of a page that is sent back."""

Mode: TypeAlias = Literal["large", "small", "union"]
Score: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Ratio: TypeAlias = Annotated[float, Field(gt=0, le=10)]
Pixels: TypeAlias = Annotated[int, Field(ge=1, le=MAX_REQUEST_PIXELS)]
Label: TypeAlias = Annotated[str, Field(max_length=64)]
Coordinate: TypeAlias = Annotated[float, Field(ge=-1e6, le=1e6)]


class _Body(BaseModel):
    # A pair of numbers is a list in JSON, which strictness would not take for a tuple.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    logId: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="stands in the answer; one is made up otherwise"
    )
    prettifyMarkdown: bool = True
    showFormulaNumber: bool = Field(default=False, description="in Markdown, as a formula's tag")
    returnMarkdownImages: bool = True
    mergeTables: bool = Field(default=True, description="over pages")
    relevelTitles: bool = Field(default=True, description="by all pages together")
    outputFormats: Annotated[list[str], Field(max_length=0)] | None = None


class LayoutParsingRequest(_Body):
    """Body of POST /layout-parsing."""

    file: str = Field(description="a PDF or image: base64 or, where that is on, an https URL")
    fileType: Literal[0, 1] | None = Field(
        None, description="0: a PDF, 1: an image; the file itself says it as well"
    )
    useDocOrientationClassify: bool | None = Field(None, description="turn pages upright")
    useDocUnwarping: Literal[False] | None = None
    useLayoutDetection: bool | None = Field(
        None, description="false: a page is one block, of the kind `promptLabel`"
    )
    promptLabel: Literal["ocr", "formula", "table", "chart", "seal", "spotting"] | None = None
    useChartRecognition: bool | None = None
    useSealRecognition: bool | None = None
    useOcrForImageBlock: bool | None = None
    mergeLayoutBlocks: bool | None = None
    layoutThreshold: Score | dict[str, Score] | None = Field(
        None, description="of all classes, or by number or name of a class"
    )
    layoutNms: bool | None = None
    layoutUnclipRatio: Ratio | Annotated[list[Ratio], Field(min_length=2, max_length=2)] | None = (
        None
    )
    layoutMergeBboxesMode: Mode | dict[str, Mode] | None = None
    layoutShapeMode: Literal["rect", "quad", "poly", "auto"] = "auto"
    formatBlockContent: bool | None = None
    repetitionPenalty: float | None = Field(None, ge=0.01, le=10)
    temperature: float | None = Field(None, ge=0, le=2)
    topP: float | None = Field(None, gt=0, le=1)
    minPixels: Pixels | None = None
    maxPixels: Pixels | None = None
    maxNewTokens: int | None = Field(None, ge=1, le=10_000_000)
    markdownIgnoreLabels: Annotated[list[Label], Field(max_length=64)] | None = None
    vlmExtraArgs: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    restructurePages: bool = Field(
        default=False, description="merge tables, find levels of titles, over all pages"
    )
    visualize: bool | None = Field(None, description="false leaves images of the pages out")


class SentBlock(BaseModel):
    """A block of a page that is sent back, as far as it is looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    block_label: Label
    block_content: str
    block_bbox: Annotated[list[Coordinate], Field(min_length=4, max_length=4)]
    block_polygon_points: list[Annotated[list[float], Field(min_length=2, max_length=2)]] | None = (
        None
    )
    group_id: int | None = None


class SentPage(BaseModel):
    """A page of an earlier answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prunedResult: dict[str, Any] = Field(description="as it was answered")
    markdownImages: dict[str, str] | None = Field(None, description="likewise")


class RestructurePagesRequest(_Body):
    """Body of POST /restructure-pages."""

    pages: list[SentPage]
    concatenatePages: bool = Field(default=False, description="make one page of all")
