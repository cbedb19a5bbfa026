# SPDX-License-Identifier: Apache-2.0
"""A document that a client sends back: all that a writer takes for granted is checked."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING

from PIL import Image

from ppocrvl.document.document import Document
from ppocrvl.server.codes import ApiError
from ppocrvl.server.document_intake import document_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ppocrvl.document.types import Block, PageData, Picture
    from ppocrvl.server.server_limits import ServerLimits

_PICTURE_NAME = re.compile(r"\w[\w.-]{0,99}")
_LABEL = re.compile(r"\w{1,64}")
_FAR = 1_000_000
"""Pixels or points from a page's corner, beyond which nothing of a page lies."""


def sent_document(values: object, limits: ServerLimits) -> Document:
    """The document, without pictures whose bytes were not sent.

    Args:
        values: as POST /v1/parse answers them.
        limits: on pages and pixels.

    Raises:
        ApiError: it has too many pages, or what no page has.
        DocumentError: these values are no document.
    """
    given = Document.from_dict(values)
    if len(given.pages) > limits.max_pages:
        raise ApiError(
            "document_too_large",
            f"{len(given.pages):,} pages are over the limit of {limits.max_pages:,}",
        )
    indices = [page.index for page in given.pages]
    if indices != sorted(set(indices)):
        raise _wrong("the document", "has pages that are not in their order")
    pages = [_checked(page, limits) for page in given.pages]
    return Document.of(document_name(given.name), given.n_pages, pages)


def _checked(page: PageData, limits: ServerLimits) -> PageData:
    where = f"page {page.index + 1}"
    if not (0 <= page.index < _FAR and min(page.width, page.height) >= 0):
        raise _wrong(where, "has no place or no size")
    if page.width * page.height > limits.max_image_pixels:
        raise _too_large(where, limits)
    blocks = []
    for block in page.blocks:
        at = f"{where}, block {block.index + 1}"
        if not _LABEL.fullmatch(block.label):
            raise _wrong(at, "has a label that is no word")
        if not _is_on(block, page):
            raise _wrong(at, "does not lie on its page")
        pictures = [one for one in block.pictures if one.data]
        for one in pictures:
            _check_picture(one, at, limits)
        blocks.append(replace(block, pictures=tuple(pictures)))
    image = page.image if page.image is not None and page.image.data else None
    if image is not None:
        _check_picture(image, where, limits)
        if (image.width, image.height) != (page.width, page.height):
            raise _wrong(where, "is not as large as its image")
    return replace(page, blocks=tuple(blocks), image=image)


def _is_on(block: Block, page: PageData) -> bool:
    x0, y0, x1, y1 = block.box
    lines = chain.from_iterable(line.box for line in block.lines if line.box is not None)
    numbers = (*block.box_points, *chain.from_iterable(block.polygon), *lines)
    is_inside = 0 <= x0 <= x1 <= page.width and 0 <= y0 <= y1 <= page.height
    return is_inside and _are_near(numbers)


def _are_near(numbers: Iterable[float]) -> bool:
    return all(-_FAR <= one <= _FAR for one in numbers)


def _check_picture(picture: Picture, where: str, limits: ServerLimits) -> None:
    """Whether it is what it says, to its last byte: writers put it into other files as it is."""
    if not _PICTURE_NAME.fullmatch(picture.name):
        raise _wrong(where, "has an image whose name is no plain name of a file")
    if picture.width * picture.height > limits.max_image_pixels:
        raise _too_large(where, limits)
    if not _is_jpeg(picture):
        raise _wrong(where, f"has an image {picture.name} that is no JPEG of its size")


def _is_jpeg(picture: Picture) -> bool:
    try:
        with Image.open(BytesIO(picture.data), formats=("JPEG",)) as image:
            if image.size != (picture.width, picture.height) or image.mode not in {"RGB", "L"}:
                return False
            image.draft("L", (1, 1))  # the least that is computed while all of it is read
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def _wrong(where: str, what: str) -> ApiError:
    return ApiError("invalid_document", f"{where} {what}; send what /v1/parse answered")


def _too_large(where: str, limits: ServerLimits) -> ApiError:
    return ApiError(
        "image_too_large", f"{where} is over the limit of {limits.max_image_pixels:,} pixels"
    )
