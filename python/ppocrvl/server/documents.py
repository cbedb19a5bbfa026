# SPDX-License-Identifier: Apache-2.0
"""POST /v1/parse: documents to JSON, Markdown, HTML or text, or line by line."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from ppocrvl.document.document import Document
from ppocrvl.document.values import document_values
from ppocrvl.document.writers.formats import format_named
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.parts import WholePage
from ppocrvl.server.accept import accepted
from ppocrvl.server.answers import json_bytes
from ppocrvl.server.disconnect import PiecewiseResponse, unless_gone
from ppocrvl.server.document_intake import open_document, parse_upload, take_document_body
from ppocrvl.server.document_lines import document_lines
from ppocrvl.server.engine_keywords import parse_options
from ppocrvl.server.record import record_of
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from ppocrvl.document.types import PageData
    from ppocrvl.server.document_service import DocumentReading
    from ppocrvl.server.schemas import ParseRequest

NDJSON = "application/x-ndjson"
FORMATS = {
    "application/json": "json",
    "text/markdown": "md",
    "text/html": "html",
    "text/plain": "txt",
}
"""Formats of a whole document, by media type."""
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)
"""A page made of what somebody sent has none of the rights of ours. Its script and styles are in
it."""


async def parse(request: Request) -> Response:
    """Read a document."""
    kind = accepted(request.headers.get("accept", ""), (*FORMATS, NDJSON))
    asked, files, share = await take_document_body(request, parse_upload(request))
    options = parse_options(asked, state_of(request).limits)
    name = FORMATS.get(kind)
    shows_pages = name is not None and format_named(name).shows_pages
    reading = await open_document(
        request,
        files,
        options,
        share,
        layout=WholePage() if asked.layout == "none" else None,
        page_images=bool(asked.page_images) or shows_pages,
    )
    if name is None:
        lines = document_lines(reading, asked, record_of(request))
        return PiecewiseResponse(lines, NDJSON, filler=b" ")
    pages = await unless_gone(request.receive, reading.all_pages())
    write = partial(_written, reading, pages, name, asked)
    text = await asyncio.to_thread(write)
    headers = {"content-security-policy": SANDBOX} if name == "html" else None
    return Response(text, media_type=kind, headers=headers)


def _written(
    reading: DocumentReading, pages: list[PageData], name: str, asked: ParseRequest
) -> bytes:
    document = Document.of(reading.name, reading.n_pages, finish_document(pages))
    if name == "json":
        values = document_values(document, with_bytes=asked.wants_bytes)
        return json_bytes(values)
    options = WriteOptions(
        stem=document.stem,
        figures=asked.figures or "none",
        style=asked.style or "commonmark",
    )
    return document.to(name, options).encode("utf-8", "backslashreplace")
