# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - the names are theirs
"""Answers of PaddleX 3.7.2's server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ppocrvl.server.answers import Answer


class ImageFacts(Answer):
    """An image that was sent."""

    width: int
    height: int
    type: Literal["image"]


class PageFacts(Answer):
    """A page of what was sent, as it was read."""

    width: int
    height: int


class PagesFacts(Answer):
    """A document that was sent."""

    numPages: int
    pages: list[PageFacts]
    type: Literal["pdf", "tiff"]


class PageMarkdown(Answer):
    """A page as Markdown, as PaddleX writes it."""

    text: str
    images: dict[str, str] | SkipJsonSchema[None] = Field(
        default=None, description="JPEG files as base64, by the names that the text has"
    )


class PageParsing(Answer):
    """What was found on a page."""

    prunedResult: dict[str, Any] = Field(description="PaddleX's JSON of a page, but for its place")
    markdown: PageMarkdown
    outputImages: dict[str, str] | SkipJsonSchema[None] = Field(
        default=None,
        description="the page with its blocks drawn on it, unless `visualize` is false",
    )
    inputImage: str | SkipJsonSchema[None] = Field(default=None, description="the page")


class LayoutParsings(Answer):
    """Of a document."""

    layoutParsingResults: list[PageParsing]
    dataInfo: ImageFacts | PagesFacts


class RestructuredPages(Answer):
    """Of pages that were sent."""

    layoutParsingResults: list[PageParsing]


class _Success(Answer):
    logId: str
    errorCode: Literal[0] = Field(default=0)
    errorMsg: Literal["Success"] = Field(default="Success")


class LayoutParsingAnswer(_Success):
    """Answer of POST /layout-parsing."""

    result: LayoutParsings


class RestructurePagesAnswer(_Success):
    """Answer of POST /restructure-pages."""

    result: RestructuredPages


class Failure(Answer):
    """The body of every refusal."""

    logId: str
    errorCode: int = Field(description="the HTTP status")
    errorMsg: str
