# SPDX-License-Identifier: Apache-2.0
"""POST /v1/write: a document that was read before, in any format, without reading it again.

The client has the document, with its pictures if it asked for them. So nothing of anybody's is kept
here between two requests.
"""

from __future__ import annotations

import asyncio
from functools import partial
from io import BytesIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from pydantic import RootModel
from starlette.responses import Response

from ppocrvl.document.document import Document
from ppocrvl.document.writers.fixed_zip import fixed_zip
from ppocrvl.document.writers.formats import format_named
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.errors import MissingExtraError
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.server.codes import ApiError
from ppocrvl.server.disconnect import unless_gone
from ppocrvl.server.documents import SANDBOX
from ppocrvl.server.intake import take_apart
from ppocrvl.server.parsing import from_texts, media_type, read_json
from ppocrvl.server.schemas import WriteRequest
from ppocrvl.server.sent_document import sent_document
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ppocrvl.document.writers.formats import Format
    from ppocrvl.document.writers.written import File
    from ppocrvl.server.server_limits import ServerLimits

ZIP = "application/zip"
_MEDIA_TYPES = {
    ".md": "text/markdown",
    ".json": "application/json",
    ".html": "text/html",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".csv": "text/csv",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
}
_ANY = "application/octet-stream"
_PACKED = frozenset((".jpg", ".png"))
"""Suffixes of files that do not become smaller."""


class _Values(RootModel[dict[str, Any]]):
    """A JSON object."""


class _Written(NamedTuple):
    """A file to be sent."""

    name: str
    data: bytes
    media_type: str


async def write(request: Request) -> Response:
    """Write a document."""
    state = state_of(request)
    asked = from_texts(WriteRequest, dict(request.query_params))
    try:
        chosen = format_named(asked.to)
    except MissingExtraError as error:
        raise ApiError("invalid_request", str(error), param="to") from None
    values, share = await take_apart(
        request, partial(_values, media_type(request)), has_document=True
    )
    # One at a time: what is written may be as large as what was sent.
    loop = asyncio.get_running_loop()
    work = partial(_written, values, chosen, asked, state.limits)
    written = await unless_gone(request.receive, _awaited(loop.run_in_executor(state.writer, work)))
    share.add(len(written.data))
    plain = quote(written.name)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{plain}",
        "content-security-policy": SANDBOX,
    }
    return Response(written.data, media_type=written.media_type, headers=headers)


async def _awaited(work: asyncio.Future[_Written]) -> _Written:
    return await work


def _values(kind: str, body: bytearray) -> dict[str, Any]:
    if kind != "application/json":
        raise ApiError("unsupported_media_type", "the body must be application/json")
    return read_json(_Values, body).root


def _written(
    values: dict[str, Any], chosen: Format, asked: WriteRequest, limits: ServerLimits
) -> _Written:
    document = sent_document(values, limits)
    values.clear()  # pictures are there twice otherwise
    if asked.finish:
        pages = finish_document(document.pages)
        document = Document.of(document.name, document.n_pages, pages)
    options = WriteOptions(
        stem=document.stem, figures=asked.figures or "files", style=asked.style or "commonmark"
    )
    files = chosen.files(document, options)
    if not files:
        raise ApiError(
            "invalid_document", f"there is nothing for {chosen.name} in this document", param="to"
        )
    if len(files) == 1:
        name = PurePath(files[0].name).name
        kind = _MEDIA_TYPES.get(PurePath(name).suffix, _ANY)
        return _Written(name, b"".join(files[0].pieces()), kind)
    return _Written(f"{document.stem}-{chosen.name}.zip", _zip(files), ZIP)


def _zip(files: Sequence[File]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as packed:
        for one in files:
            kind = ZIP_STORED if PurePath(one.name).suffix in _PACKED else ZIP_DEFLATED
            packed.writestr(one.name, b"".join(one.pieces()), kind)
    return fixed_zip(out.getvalue())
