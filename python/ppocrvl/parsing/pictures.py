# SPDX-License-Identifier: Apache-2.0
"""The pictures that a document keeps."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from ppocrvl.document.types import Picture

if TYPE_CHECKING:
    from ppocrvl.parsing.crops import Pixels

_QUALITY = 90
"""Of the JPEG file, of 100: no visible loss, a tenth of a PNG's size for a photo."""


def picture_of(pixels: Pixels, *, page: int, label: str, number: int) -> Picture:
    """A figure as a file.

    Args:
        pixels: uint8 [height, width, 3], not empty.
        page: its index, from 0; the name counts from 1, as people do.
        label: of its region.
        number: of the figure on its page, from 1.
    """
    return _picture(f"page-{page + 1}-{label}-{number}.jpg", pixels)


def page_image(pixels: Pixels, *, page: int) -> Picture:
    """A whole page as a file.

    Args:
        pixels: uint8 [height, width, 3], not empty.
        page: its index, from 0.
    """
    return _picture(f"page-{page + 1}.jpg", pixels)


def _picture(name: str, pixels: Pixels) -> Picture:
    height, width = pixels.shape[:2]
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return Picture(name, file.getvalue(), width, height)
