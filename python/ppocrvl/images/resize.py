# SPDX-License-Identifier: Apache-2.0
"""The reference's resize: each side to a multiple of 28, within a range of pixels, no padding."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from ppocrvl.images.limits import MAX_ASPECT_RATIO, too_thin
from ppocrvl.images.memory import memory_wanted

SPOTTING_ENLARGE_BELOW = 1500


def smart_resize(
    height: int, width: int, *, factor: int = 28, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """The size at which the encoder sees a picture of this size.

    The arithmetic is that of `smart_resize` in transformers' PaddleOCR-VL image processor: double
    precision, and Python's `round`, which takes halves to the even neighbour. The result can be a
    little under `min_pixels` or over `max_pixels` where the reference's is.

    Args:
        height: pixels, at least 1.
        width: pixels, at least 1.
        factor: pixels per merged token on a side (patch size times merge size).
        min_pixels: lower bound of the area, in pixels after the resize.
        max_pixels: upper bound of the area, in pixels after the resize.

    Returns:
        (height, width), both multiples of `factor`.

    Raises:
        ImageTooThinError: one side is over 200 times the other.
    """
    original = f"{width} x {height}"
    if height < factor:
        width = round(width * factor / height)
        height = factor
    if width < factor:
        height = round(height * factor / width)
        width = factor
    ratio = max(height, width) / min(height, width)
    if ratio > MAX_ASPECT_RATIO:
        raise too_thin(f"an image of {original} pixels", ratio)
    new_height = round(height / factor) * factor
    new_width = round(width / factor) * factor
    if new_height * new_width > max_pixels:
        beta = math.sqrt(height * width / max_pixels)
        new_height = max(factor, math.floor(height / beta / factor) * factor)
        new_width = max(factor, math.floor(width / beta / factor) * factor)
    elif new_height * new_width < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * beta / factor) * factor
        new_width = math.ceil(width * beta / factor) * factor
    return new_height, new_width


def enlarge_for_spotting(picture: Image.Image) -> Image.Image:
    """Double a picture with both sides under 1500 pixels, as the official pipeline for spotting.

    Raises:
        EngineError: not enough memory.
    """
    if max(picture.size) >= SPOTTING_ENLARGE_BELOW:
        return picture
    with memory_wanted("to enlarge an image"):
        return picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.LANCZOS)


def resize_to_pixels(
    picture: Image.Image, *, factor: int = 28, min_pixels: int, max_pixels: int
) -> npt.NDArray[np.uint8]:
    """Stretch an RGB picture to its `smart_resize` size with Pillow's bicubic filter.

    Returns:
        uint8 [height, width, 3], C-contiguous, writable: exactly the pixels that the encoder gets.

    Raises:
        ImageTooThinError: one side is over 200 times the other.
        EngineError: not enough memory.
    """
    height, width = smart_resize(
        picture.height, picture.width, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels
    )
    with memory_wanted(f"to resize an image to {width} x {height} pixels"):
        return np.array(picture.resize((width, height), Image.Resampling.BICUBIC))
