# SPDX-License-Identifier: Apache-2.0
"""Picture files with several pages, each decoded when it is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import image_errors, open_header, orientation, upright_rgb
from ppocrvl.images.source import name_of, read_source
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from PIL import Image

PAGED = frozenset(("TIFF", "WEBP"))
"""Formats whose frames are pages. Those of others (GIF, AVIF) are moments: the first is read."""

_SIDEWAYS = frozenset((5, 6, 7, 8))  # EXIF orientations that change width and height


class Frames(Closing):
    """An open picture file. Not for several threads at once."""

    def __init__(
        self, source: object, *, where: str | None = None, max_image_pixels: int = MAX_IMAGE_PIXELS
    ) -> None:
        """Read the file, and its first header.

        Args:
            source: a path, encoded bytes, or a binary file object.
            where: name of the picture for messages; from the source if None.
            max_image_pixels: limit on width * height of a frame, checked before it is decoded.

        Raises:
            As `load_image`.
        """
        self._where = where if where is not None else name_of(source)
        self._max_pixels = max_image_pixels
        with image_errors(self._where):
            self._picture = open_header(read_source(source), self._where, max_image_pixels)
            paged = self._picture.format in PAGED
            self._count = int(getattr(self._picture, "n_frames", 1)) if paged else 1

    @property
    def count(self) -> int:
        """Number of pages."""
        return self._count

    def load(self, index: int) -> tuple[Image.Image, float]:
        """A page as `load_image` gives it, and its pixels per inch (0: the file does not say).

        Raises:
            As `load_image`.
        """
        with image_errors(self._where):
            picture = self._at(index)
            dpi = _dpi(picture)
            upright = upright_rgb(picture, self._where, self._max_pixels)
            return (upright.copy() if upright is picture else upright), dpi

    def size(self, index: int) -> tuple[int, int, float]:
        """Width and height of the upright page in pixels, and its pixels per inch; nothing decoded.

        Raises:
            As `load_image`.
        """
        with image_errors(self._where):
            picture = self._at(index)
            width, height = picture.size
            if orientation(picture) in _SIDEWAYS:
                width, height = height, width
            return width, height, _dpi(picture)

    def close(self) -> None:
        """Let go of the file."""
        self._picture.close()

    def _at(self, index: int) -> Image.Image:
        if self._picture.tell() != index:
            self._picture.seek(index)
        return self._picture


def _dpi(picture: Image.Image) -> float:
    """The horizontal resolution, where it is a sensible number."""
    dpi = picture.info.get("dpi")
    try:
        value = float(dpi[0]) if dpi is not None else 0.0
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return 0.0
    return round(value, 3) if 1 < value < math.inf else 0.0
