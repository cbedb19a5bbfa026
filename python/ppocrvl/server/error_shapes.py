# SPDX-License-Identifier: Apache-2.0
"""How errors look on the paths that speak somebody else's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ppocrvl.server.answers import TextError
from ppocrvl.server.paddlex.answers import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.server.codes import ApiError
    from ppocrvl.server.record import Record

    Shape = Callable[[ApiError, Record], tuple[int, dict[str, Any]]]

_UNPROCESSABLE = 422
_BAD = frozenset((400, 406, 413, 415))


def error_shape(error: ApiError, record: Record) -> tuple[int, dict[str, Any]]:
    """Status and body of an error, for the path of its request."""
    return _SHAPES.get(record.path, _openai)(error, record)


def _openai(error: ApiError, record: Record) -> tuple[int, dict[str, Any]]:
    del record
    return error.status, error.to_dict()


def _paddlex(error: ApiError, record: Record) -> tuple[int, dict[str, Any]]:
    """PaddleX has one status for all that is wrong with a request."""
    status = _UNPROCESSABLE if error.status in _BAD else error.status
    name = record.client_id or record.id
    told = Failure(logId=name, errorCode=status, errorMsg=error.message)
    return status, told.to_dict()


def _liteparse(error: ApiError, record: Record) -> tuple[int, dict[str, Any]]:
    del record
    return error.status, TextError(error=error.message).to_dict()


_SHAPES: dict[str, Shape] = {
    "/layout-parsing": _paddlex,
    "/restructure-pages": _paddlex,
    "/ocr": _liteparse,
}
