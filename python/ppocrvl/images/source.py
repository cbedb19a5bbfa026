# SPDX-License-Identifier: Apache-2.0
"""The encoded bytes of a picture, from a path, from memory or from a file object."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Protocol

from ppocrvl.errors import ImageDecodeError, ImageError, ImageNotFoundError, ImageTooLargeError
from ppocrvl.images.limits import MAX_FILE_BYTES

_PIECE_BYTES = 1 << 20
_PDF_MARK = b"%PDF-"

HEAD_BYTES = 1024
"""Of a file, where readers of PDF look for its mark (PDF 32000-1, annex H, note 13)."""


class _Readable(Protocol):
    def read(self, size: int, /) -> object: ...


def name_of(source: object) -> str:
    """What to call a source in messages."""
    if isinstance(source, str | os.PathLike):
        return str(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "the image data"
    return str(getattr(source, "name", "the image file object"))


def is_pdf(head: bytes) -> bool:
    """Whether a file is a PDF, by its first `HEAD_BYTES` bytes."""
    return _PDF_MARK in head[:HEAD_BYTES]


def read_source(source: object) -> bytes:
    """The bytes. No more memory is reserved than they take.

    Args:
        source: a path, encoded bytes, or a binary file object (read from where it stands).

    Raises:
        ImageNotFoundError: no such file, or it cannot be read.
        ImageDecodeError: there are no bytes.
        ImageTooLargeError: more than `MAX_FILE_BYTES`.
        ImageError: `source` is nothing of the kind.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size(memoryview(source).nbytes, name_of(source))
        data = bytes(source)
    elif isinstance(source, str | os.PathLike):
        data = _read_path(Path(source))
    elif hasattr(source, "read"):
        data = _read_to_end(source, name_of(source))
    else:
        raise ImageError(
            f"an image cannot be a {type(source).__name__}; give a path, bytes, a binary file, "
            "a Pillow image or a numpy array"
        )
    if not data:
        raise ImageDecodeError(f"{name_of(source)} is empty (0 bytes); make or fetch it again")
    return data


def _read_path(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            _check_size(os.fstat(file.fileno()).st_size, str(path))
            return _read_to_end(file, str(path))
    except IsADirectoryError as error:
        raise ImageNotFoundError(f"{path} is a folder, not an image") from error
    except FileNotFoundError as error:
        raise ImageNotFoundError(f"no such image: {path}") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ImageNotFoundError(f"cannot read the image {str(path)!r}: {reason}") from error


def _read_to_end(file: _Readable, where: str) -> bytes:
    """In pieces: one `read` of as much as is allowed would reserve all that."""
    data = BytesIO()
    while True:
        piece = file.read(_PIECE_BYTES)
        if not isinstance(piece, bytes):
            raise ImageError(
                f"{where} gives {type(piece).__name__}, not bytes; open it with mode 'rb'"
            )
        if not piece:
            return data.getvalue()
        data.write(piece)
        _check_size(data.tell(), where)


def _check_size(n_bytes: int, where: str) -> None:
    if n_bytes > MAX_FILE_BYTES:
        raise ImageTooLargeError(
            f"{where} is over the limit of {MAX_FILE_BYTES:,} bytes for an image file"
        )
