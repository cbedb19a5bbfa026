# SPDX-License-Identifier: Apache-2.0
"""From what a caller calls a document to its pages."""

from __future__ import annotations

import math
import os
import stat
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import (
    DocumentDamagedError,
    DocumentEmptyError,
    DocumentError,
    DocumentNotFoundError,
    DocumentTooLargeError,
    OptionError,
)
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.memory import memory_wanted
from ppocrvl.images.source import HEAD_BYTES, is_pdf
from ppocrvl.parsing.sources.document_limits import (
    MAX_PAGE_PIXELS,
    MAX_PDF_BYTES,
    MAX_PDF_BYTES_IN_MEMORY,
)
from ppocrvl.parsing.sources.found import find_documents
from ppocrvl.parsing.sources.joined import JoinedSource
from ppocrvl.parsing.sources.pdf import PdfSource
from ppocrvl.parsing.sources.pictures import OnePicture, PictureSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from ppocrvl.parsing.sources.found import AnySource, Found
    from ppocrvl.parsing.sources.source import DocumentSource

DPI = 144
"""Of rendered pages, unless said otherwise: the official pipeline's scale of 2.0."""
LEAST_DPI, MOST_DPI = 18, 1200

_PIECE_BYTES = 1 << 20


def open_document(
    source: AnySource | Found,
    *,
    dpi: float = DPI,
    password: str | None = None,
    max_image_pixels: int = MAX_IMAGE_PIXELS,
) -> DocumentSource:
    """Open a document. Nothing is rendered before it is asked for.

    Args:
        source: as `find_documents` takes it. Several documents become one, with all their pages.
        dpi: pixels per inch of pages of a PDF, 18 to 1200; pictures keep their pixels.
        password: of an encrypted PDF.
        max_image_pixels: limit on width * height of a picture; a page of a PDF is rendered at fewer
            pixels per inch where it would be over it.

    Raises:
        OptionError: `dpi` is out of range.
        DocumentError: there is no document, or it cannot be opened.
        ImageError: a picture cannot be read.
        EngineError: not enough memory, or no process can be started.
    """
    if not (math.isfinite(dpi) and LEAST_DPI <= dpi <= MOST_DPI):
        raise OptionError(f"dpi must be from {LEAST_DPI} to {MOST_DPI}, not {dpi:g}")
    found = find_documents(source)
    ways = [
        partial(_open_one, one, dpi=dpi, password=password, max_image_pixels=max_image_pixels)
        for one in found
    ]
    if len(ways) == 1:
        return ways[0]()
    return JoinedSource(name_of(found), ways)


def file_bytes(found: Found) -> bytes | None:
    """All of a document's file; None of an image in memory.

    Raises:
        DocumentError: it cannot be read, or is none.
        EngineError: not enough memory.
    """
    name, source = found.name, found.source
    if isinstance(source, str | os.PathLike):
        _head(os.fspath(source))  # says what is wrong with it
        with Path(source).open("rb") as file:
            data = _read(file, name)
    elif isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    elif hasattr(source, "read"):
        data = _read(source, name)  # type: ignore[arg-type]
    else:
        return None
    if not is_pdf(data):
        _refuse(data[:HEAD_BYTES], name)
    return data


def name_of(found: Sequence[Found]) -> str:
    """What to call documents that are one."""
    more = len(found) - 1
    return f"{found[0].name} and {more} more" if more else found[0].name


def _open_one(
    found: Found, *, dpi: float, password: str | None, max_image_pixels: int
) -> DocumentSource:
    name, source = found.name, found.source
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        head, n_bytes = _head(path)
        if n_bytes is None:
            with Path(path).open("rb") as pipe:
                return _open_bytes(name, _read(pipe, name), dpi, password, max_image_pixels)
        if is_pdf(head):
            _check_bytes(n_bytes, MAX_PDF_BYTES, name)
            return PdfSource(
                name,
                path=path,
                dpi=dpi,
                password=password,
                max_pixels=_page_pixels(max_image_pixels),
            )
        _refuse(head, name)
        return PictureSource(name, path, max_image_pixels=max_image_pixels)
    if isinstance(source, bytes | bytearray | memoryview) or hasattr(source, "read"):
        is_open_file = hasattr(source, "read") and not isinstance(source, memoryview)
        data = _read(source, name) if is_open_file else bytes(source)  # type: ignore[arg-type]
        return _open_bytes(name, data, dpi, password, max_image_pixels)
    return OnePicture(name, source, max_image_pixels=max_image_pixels)


def _open_bytes(
    name: str, data: bytes, dpi: float, password: str | None, max_image_pixels: int
) -> DocumentSource:
    head = data[:HEAD_BYTES]
    if is_pdf(head):
        _check_bytes(len(data), MAX_PDF_BYTES_IN_MEMORY, name)
        return PdfSource(
            name, data=data, dpi=dpi, password=password, max_pixels=_page_pixels(max_image_pixels)
        )
    _refuse(head, name)
    return PictureSource(name, data, max_image_pixels=max_image_pixels)


def _page_pixels(max_image_pixels: int) -> int:
    return min(max_image_pixels, MAX_PAGE_PIXELS)


def _refuse(head: bytes, name: str) -> None:
    """What is neither a PDF nor worth trying as a picture."""
    if not head:
        raise DocumentEmptyError(f"{name} is empty (0 bytes); make or fetch it again")
    if Path(name).suffix.lower() == ".pdf":
        raise DocumentDamagedError(
            f"{name} is no PDF, or its beginning is lost; make or fetch it again"
        )


def _head(path: str) -> tuple[bytes, int | None]:
    """The first bytes of a file and its size; nothing and None of a pipe, which gives once."""
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return b"", None
        with Path(path).open("rb") as file:
            return file.read(HEAD_BYTES), status.st_size
    except FileNotFoundError as error:
        raise DocumentNotFoundError(f"no such document: {path}") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DocumentNotFoundError(f"cannot read the document {path!r}: {reason}") from error


def _read(file: IO[bytes], name: str) -> bytes:
    """All that is left in a file object."""
    data = BytesIO()
    with memory_wanted(f"to read {name}"):
        while piece := file.read(_PIECE_BYTES):
            if not isinstance(piece, bytes):
                raise DocumentError(
                    f"{name} gives {type(piece).__name__}, not bytes; open it with mode 'rb'"
                )
            data.write(piece)
            _check_bytes(data.tell(), MAX_PDF_BYTES_IN_MEMORY, name)
        return data.getvalue()


def _check_bytes(n_bytes: int, most: int, name: str) -> None:
    if n_bytes > most:
        raise DocumentTooLargeError(f"{name} is over the limit of {most:,} bytes for a document")
