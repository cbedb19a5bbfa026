# SPDX-License-Identifier: Apache-2.0
"""A picture that is read later, whatever its owner does with it meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ppocrvl.images.load import load_image
from ppocrvl.images.source import read_source

if TYPE_CHECKING:
    from ppocrvl.requests.image_source import ImageSource


def stays(image: ImageSource | None) -> bool:
    """Whether nobody can change it: a path, bytes, or nothing."""
    return image is None or isinstance(image, str | os.PathLike | bytes)


def kept(image: ImageSource, *, max_image_pixels: int) -> ImageSource:
    """The image as it is now: a file may be closed soon, an array filled with the next picture.

    Paths and bytes are given back as they are; nothing is decoded but a Pillow image that has not
    been yet.

    Raises:
        ImageError: the picture cannot be read.
        EngineError: not enough memory.
    """
    if stays(image):
        return image
    if isinstance(image, bytearray | memoryview) or hasattr(image, "read"):
        return read_source(image)
    return load_image(image, max_image_pixels=max_image_pixels)
