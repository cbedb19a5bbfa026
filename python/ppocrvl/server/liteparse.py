# SPDX-License-Identifier: Apache-2.0
"""POST /ocr: the interface that LiteParse has for servers of text recognition.

Source: OCR_API_SPEC.md of github.com/run-llama/liteparse.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from ppocrvl.document.document import Document
from ppocrvl.document.types import PageData
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.server.answers import PlacedText, PlacedTexts
from ppocrvl.server.codes import ApiError
from ppocrvl.server.disconnect import unless_gone
from ppocrvl.server.document_intake import open_document, take_document_body
from ppocrvl.server.parsing import from_texts, media_type, read_form
from ppocrvl.server.schemas import PlaceRequest
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from ppocrvl.document.types import Block, Box
    from ppocrvl.server.parsing import Upload

_FILE_FIELDS = ("file",)


async def ocr_with_places(request: Request) -> Response:
    """Texts of a picture with their places."""
    kind, full_kind = media_type(request), request.headers.get("content-type", "")
    _, files, share = await take_document_body(request, partial(_parse, kind, full_kind))
    limits = state_of(request).limits
    options = ParseOptions(
        request={"max_tokens": limits.max_tokens, "deadline": limits.deadline_seconds}
    )
    reading = await open_document(request, files, options, share)
    if reading.n_read > 1:
        raise ApiError("invalid_request", "one image is read, not several pages", param="file")
    (page,) = await unless_gone(request.receive, reading.all_pages())
    if page.error is not None:
        raise ApiError("invalid_document", page.error)
    return JSONResponse(PlacedTexts(results=list(placed_texts(page))).to_dict())


def _parse(kind: str, content_type: str, body: bytearray) -> tuple[PlaceRequest, list[Upload]]:
    if kind != "multipart/form-data":
        raise ApiError("unsupported_media_type", "the body must be multipart/form-data")
    fields, files = read_form(content_type, body, _FILE_FIELDS)
    if len(files) > 1:
        raise ApiError("invalid_request", "one image at a time is read", param="file")
    return from_texts(PlaceRequest, fields), files


def placed_texts(page: PageData) -> Iterator[PlacedText]:
    """The texts of a page in reading order, headers and footers included."""
    for block in page.blocks:
        is_text = block.html is None and block.latex is None
        if is_text and block.lines and all(line.box is not None for line in block.lines):
            for line in block.lines:
                if line.box is not None:
                    yield from _placed(line.text, line.box, line.confidence)
        else:
            yield from _placed(_plain(block), block.box, block.confidence)


def _placed(text: str, box: Box, confidence: float) -> Iterator[PlacedText]:
    """Nothing where there is no text; a place of no size has no place."""
    words = " ".join(text.split())
    x0, y0, x1, y1 = box
    if words and x1 > x0 and y1 > y0:
        yield PlacedText(text=words, bbox=box, confidence=confidence)


def _plain(block: Block) -> str:
    """A table or formula as plain text."""
    page = PageData(0, 1, 1, 0.0, blocks=(replace(block, joins_previous=False),))
    return Document.of("block", 1, [page]).to_text(leave_out=())
