# SPDX-License-Identifier: Apache-2.0
"""Back from plain values to a document: the other way of `document.values`."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from ppocrvl.document.types import (
    Block,
    BlockFinish,
    BlockLine,
    BlockSource,
    PageData,
    Picture,
)
from ppocrvl.document.values import VERSION
from ppocrvl.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ppocrvl.document.types import Box, PointsBox, Polygon

T = TypeVar("T")

_MISTAKES = (KeyError, TypeError, ValueError, OverflowError)


def read_document(values: object) -> tuple[str, int, list[PageData]]:
    """Name, number of pages, and the pages of what `document_values` gave.

    Raises:
        DocumentError: it did not give these, or another version of it did.
    """
    try:
        given = _kind(values, dict)
        if given["version"] != VERSION:
            raise ValueError(f"version {given['version']!r} is not {VERSION}")
        pages = [_page(one) for one in _kind(given["pages"], list)]
        return _kind(given["name"], str), _whole(given["n_pages"]), pages
    except _MISTAKES as error:
        raise _no_document(error) from error


def read_page(values: object) -> PageData:
    """What `page_values` gave.

    Raises:
        DocumentError: it did not give this.
    """
    try:
        return _page(values)
    except _MISTAKES as error:
        raise _no_document(error) from error


def _no_document(error: Exception) -> DocumentError:
    return DocumentError(f"these values are no document: {type(error).__name__}: {error}"[:300])


def _page(values: object) -> PageData:
    given = _kind(values, dict)
    return PageData(
        index=_whole(given["index"]),
        width=_whole(given["width"]),
        height=_whole(given["height"]),
        dpi=_number(given["dpi"]),
        rotation=_whole(given["rotation"]),
        blocks=tuple(map(_block, _kind(given["blocks"], list))),
        error=_maybe(given["error"], _text),
        notes=tuple(map(_text, _kind(given["notes"], list))),
        image=_maybe(given.get("image"), _picture),
    )


def _block(values: object) -> Block:
    given = _kind(values, dict)
    return Block(
        index=_whole(given["index"]),
        label=_text(given["label"]),
        box=_box(given["box"]),
        box_points=cast("PointsBox", tuple(_numbers(given["box_points"], 4))),
        polygon=_polygon(given["polygon"]),
        score=_number(given["score"]),
        text=_text(given["text"]),
        order=_maybe(given["order"], _whole),
        html=_maybe(given["html"], _text),
        latex=_maybe(given["latex"], _text),
        level=_maybe(given["level"], _whole),
        group=_maybe(given["group"], _whole),
        joins_previous=_kind(given["joins_previous"], bool),
        lines=tuple(map(_line, _kind(given["lines"], list))),
        confidence=_number(given["confidence"]),
        min_confidence=_number(given["min_confidence"]),
        finish_reason=cast("BlockFinish", _one_of(given["finish_reason"], get_args(BlockFinish))),
        source=cast("BlockSource", _one_of(given["source"], get_args(BlockSource))),
        attempts=_whole(given["attempts"]),
        error=_maybe(given["error"], _text),
        pictures=tuple(map(_picture, _kind(given["pictures"], list))),
    )


def _line(values: object) -> BlockLine:
    given = _kind(values, dict)
    return BlockLine(
        text=_text(given["text"]),
        confidence=_number(given["confidence"]),
        min_confidence=_number(given["min_confidence"]),
        box=_maybe(given["box"], _box),
    )


def _picture(values: object) -> Picture:
    """A picture; one without its bytes is there all the same, and empty."""
    given = _kind(values, dict)
    data = base64.b64decode(_text(given.get("data", "")), validate=True)
    return Picture(_text(given["name"]), data, _whole(given["width"]), _whole(given["height"]))


def _box(values: object) -> Box:
    x0, y0, x1, y1 = map(_whole, _kind(values, list))
    return x0, y0, x1, y1


def _polygon(values: object) -> Polygon:
    return tuple(
        cast("tuple[float, float]", tuple(_numbers(one, 2))) for one in _kind(values, list)
    )


def _numbers(values: object, count: int) -> Sequence[float]:
    numbers = list(map(_number, _kind(values, list)))
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers in place of {count}")
    return numbers


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.80} is no number")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return _kind(value, int)


def _text(value: object) -> str:
    return _kind(value, str)


def _one_of(value: object, known: Sequence[Any]) -> object:
    if value not in known:
        raise ValueError(f"{value!r:.80} is none of {known}")
    return value


def _maybe(value: object, read: Callable[[object], T]) -> T | None:
    return None if value is None else read(value)


def _kind(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.80} is no {kind.__name__}")
    return value
