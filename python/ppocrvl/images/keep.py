# SPDX-License-Identifier: Apache-2.0
"""Requests that are read later, or more than once, whatever their owner does with the picture."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import load_image
from ppocrvl.images.source import read_source

if TYPE_CHECKING:
    from ppocrvl.requests.request import Request


def stays(request: Request) -> bool:
    """Whether nobody can change its picture: a path, bytes, or none at all."""
    return request.image is None or isinstance(request.image, str | os.PathLike | bytes)


def kept(request: Request, *, max_image_pixels: int = MAX_IMAGE_PIXELS) -> Request:
    """The request with its picture as it is now: a file may be closed soon, an array overwritten.

    Nothing is decoded but a Pillow image that has not been yet.

    Raises:
        ImageError: the picture cannot be read.
        EngineError: not enough memory.
    """
    image = request.image
    if image is None or stays(request):
        return request
    if isinstance(image, bytearray | memoryview) or hasattr(image, "read"):
        return replace(request, image=read_source(image))
    return replace(request, image=load_image(image, max_image_pixels=max_image_pixels))


def repeatable(request: Request, *, max_image_pixels: int = MAX_IMAGE_PIXELS) -> Request:
    """The request with a picture that can be read again, if need be: a file gives only once.

    Raises:
        ImageError: the picture cannot be read.
        EngineError: not enough memory.
    """
    if request.image is None or request.retry is None:
        return request
    return replace(request, image=load_image(request.image, max_image_pixels=max_image_pixels))
