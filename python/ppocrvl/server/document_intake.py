# SPDX-License-Identifier: Apache-2.0
"""From a body to the documents in it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeVar

from ppocrvl.parsing.sources.found import Found
from ppocrvl.server.codes import ApiError
from ppocrvl.server.disconnect import unless_gone
from ppocrvl.server.document_service import DocumentJob
from ppocrvl.server.intake import take_apart
from ppocrvl.server.parsing import Upload, from_texts, media_type, read_form
from ppocrvl.server.record import record_of
from ppocrvl.server.schemas import ParseRequest
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import Layout
    from ppocrvl.server.admission import Share
    from ppocrvl.server.document_service import DocumentReading

T = TypeVar("T")

MAX_FILES = 64
FILE_FIELDS = ("file", "files")
_LONGEST_NAME = 255
_USUAL_NAME = "document"


def document_name(given: str) -> str:
    """What to call a document of which a client says that it is called so.

    Nothing is opened by this name; it stands in answers and messages. So folders go, and what does
    not print.
    """
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printed = "".join(one for one in last if not _is_hidden(unicodedata.category(one)))
    return printed.strip()[:_LONGEST_NAME] or _USUAL_NAME


def _is_hidden(category: str) -> bool:
    """Whether characters of this category control something in place of being seen."""
    return category.startswith("C") or category in {"Zl", "Zp"}


async def take_document_body(
    request: Request, parse: Callable[[bytearray], tuple[T, Sequence[tuple[str, bytes | str]]]]
) -> tuple[T, list[Found], Share]:
    """What a request asks, if it has a chance to be answered, and its files.

    Args:
        request: whose body is taken.
        parse: as for `take_body`; gives name and bytes, or URL, of each file.

    Raises:
        ApiError: the server is not ready, or full, or the body is over a limit or cannot be parsed.
        ClientGoneError: the connection was closed.
    """
    state = state_of(request)
    state.ready_for_documents()
    state.pages.check()  # refuses early: nothing was uploaded yet
    (asked, uploads), share = await take_apart(request, parse, has_document=True)
    if not uploads:
        raise ApiError("document_required", "there is no document in the request: nothing to read")
    share.shrink(sum(len(one) for _, one in uploads))
    fetch = state.pictures.fetch
    files = [
        Found(
            document_name(name),
            # Never a text: the parser would take it for the path of a file here.
            await unless_gone(request.receive, fetch(one, share)) if isinstance(one, str) else one,
        )
        for name, one in uploads
    ]
    return asked, files, share


def parse_upload(request: Request) -> Callable[[bytearray], tuple[ParseRequest, list[Upload]]]:
    """What takes the body of POST /v1/parse apart: a form, or the document itself."""
    kind, full_kind = media_type(request), request.headers.get("content-type", "")
    query = dict(request.query_params)

    def parse(body: bytearray) -> tuple[ParseRequest, list[Upload]]:
        if kind == "multipart/form-data":
            fields, files = read_form(full_kind, body, FILE_FIELDS)
            if len(files) > MAX_FILES:
                raise ApiError("invalid_request", f"at most {MAX_FILES} files make one document")
            return from_texts(ParseRequest, {**query, **fields}), files
        if kind.startswith("text/") or kind in {
            "application/json",
            "application/x-www-form-urlencoded",
        }:
            raise ApiError(
                "unsupported_media_type",
                "the body must be multipart/form-data with a file, or the document itself: "
                "application/pdf or image/…",
            )
        asked = from_texts(ParseRequest, query)
        data = bytes(body)
        body.clear()
        return asked, [Upload(asked.name or "", data)] if data else []

    return parse


async def open_document(
    request: Request,
    files: Sequence[Found],
    options: ParseOptions,
    share: Share,
    *,
    layout: Layout | None = None,
    page_images: bool = False,
) -> DocumentReading:
    """The document, opened; it is closed with the request.

    Raises:
        ApiError: there is no room, it has too many pages, or it is too late.
        PpocrvlError: it cannot be opened.
        ClientGoneError: the connection was closed.
    """
    service = state_of(request).ready_for_documents()
    job = DocumentJob(
        files, options, share, record_of(request), layout=layout, page_images=page_images
    )
    reading = service.begin(job)
    await unless_gone(request.receive, reading.open())
    return reading
