# SPDX-License-Identifier: Apache-2.0
"""Every limit on pictures, in one place, with its reason.

Pillow's own limit (`PIL.Image.MAX_IMAGE_PIXELS`) is module state that belongs to the whole process;
it is neither read nor changed here.
"""

from __future__ import annotations

from ppocrvl.errors import ImageTooLargeError, ImageTooThinError

MAX_IMAGE_PIXELS = 89_478_485
"""Pixels of a picture as it comes, by default: 256 MiB as RGB, where Pillow starts to warn."""

MAX_FILE_BYTES = 6 * MAX_IMAGE_PIXELS
"""Bytes of an encoded image: an uncompressed 16-bit RGB picture of `MAX_IMAGE_PIXELS` (512 MiB)."""

MAX_ASPECT_RATIO = 200
"""Longer side over shorter side, as in the reference preprocessor (smart_resize)."""


def check_image_size(width: int, height: int, max_image_pixels: int, where: str) -> None:
    """Refuse a picture over the limit, by the size in its header, before any pixel is decoded.

    Args:
        width: pixels.
        height: pixels.
        max_image_pixels: the limit on width * height.
        where: name of the picture, for the message.

    Raises:
        ImageTooLargeError: width * height is over the limit.
    """
    if width * height > max_image_pixels:
        raise ImageTooLargeError(
            f"{where} has {width} x {height} pixels, over the limit of {max_image_pixels:,}; "
            "if you trust it, raise max_image_pixels"
        )


def check_sides(width: int, height: int, where: str) -> None:
    """Refuse a picture that no resize could save, by the size in its header.

    `smart_resize` decides on the sides that it has rounded, where 200.4:1 may become 200:1; from
    201:1 on it refuses all.

    Args:
        width: pixels.
        height: pixels.
        where: name of the picture, for the message.

    Raises:
        ImageTooThinError: one side is over 201 times the other.
    """
    longer, shorter = max(width, height), min(width, height)
    if longer > (MAX_ASPECT_RATIO + 1) * shorter:
        raise too_thin(f"{where} of {width} x {height} pixels", longer / shorter)


def too_thin(what: str, ratio: float) -> ImageTooThinError:
    """The error for a picture whose longer side is `ratio` times the other."""
    return ImageTooThinError(
        f"{what} has sides {ratio:.0f}:1, over the model's limit of {MAX_ASPECT_RATIO}:1; "
        "cut it into shorter pieces"
    )
