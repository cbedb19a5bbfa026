# SPDX-License-Identifier: Apache-2.0
"""Pictures as a source of pages: a file with one or several, or what is in memory already."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import DocumentTooLargeError, PageError
from ppocrvl.images.frames import Frames
from ppocrvl.images.load import load_image
from ppocrvl.parsing.sources.document_limits import MAX_PAGES
from ppocrvl.parsing.sources.source import (
    POINTS_PER_INCH,
    Character,
    DocumentSource,
    RenderedPage,
)

if TYPE_CHECKING:
    from PIL import Image

    from ppocrvl.requests.image_source import ImageSource


class PictureSource(DocumentSource):
    """A picture file; TIFF and WebP may have several pages. A picture has no text layer."""

    def __init__(self, name: str, file: object, *, max_image_pixels: int) -> None:
        """Open it.

        Args:
            name: what to call it.
            file: a path, encoded bytes, or a binary file object.
            max_image_pixels: limit on width * height of a page.

        Raises:
            ImageError: it cannot be read.
            DocumentTooLargeError: it has too many pages.
        """
        self.name = name
        self._frames = Frames(file, where=name, max_image_pixels=max_image_pixels)
        self._lock = threading.Lock()
        if self._frames.count > MAX_PAGES:
            n_pages = self._frames.count
            self._frames.close()
            raise DocumentTooLargeError(
                f"{name} has {n_pages:,} pages, over the limit of {MAX_PAGES:,}; split it first"
            )

    @property
    def n_pages(self) -> int:
        """Number of pages."""
        return self._frames.count

    @property
    def page_sizes(self) -> tuple[tuple[float, float], ...]:
        """(width, height) of each page in points; pixels where the file does not say."""
        with self._lock:
            sizes = [self._frames.size(index) for index in range(self.n_pages)]
        return tuple(_points(width, height, dpi) for width, height, dpi in sizes)

    def render(self, index: int) -> RenderedPage:
        """A page's pixels, as they are."""
        _check(index, self.n_pages, self.name)
        with self._lock:
            picture, dpi = self._frames.load(index)
        return _rendered(index, picture, dpi)

    def text_layer(self, index: int) -> tuple[Character, ...]:
        """Nothing."""
        _check(index, self.n_pages, self.name)
        return ()

    def close(self) -> None:
        """Let go of the file, once a page that is being read is there."""
        with self._lock:
            self._frames.close()


class OnePicture(DocumentSource):
    """A Pillow image or an array."""

    def __init__(self, name: str, image: ImageSource, *, max_image_pixels: int) -> None:
        """Take the picture as it is now.

        Raises:
            ImageError: it is none.
        """
        self.name = name
        self._picture: Image.Image | None = load_image(image, max_image_pixels=max_image_pixels)

    @property
    def n_pages(self) -> int:
        """One."""
        return 1

    @property
    def page_sizes(self) -> tuple[tuple[float, float], ...]:
        """Width and height in pixels."""
        return (_points(*self._open().size, 0.0),)

    def render(self, index: int) -> RenderedPage:
        """The picture."""
        _check(index, 1, self.name)
        return _rendered(index, self._open(), 0.0)

    def text_layer(self, index: int) -> tuple[Character, ...]:
        """Nothing."""
        _check(index, 1, self.name)
        return ()

    def close(self) -> None:
        """Let go of the picture."""
        self._picture = None

    def _open(self) -> Image.Image:
        if self._picture is None:
            raise PageError(f"{self.name} is closed; open it again")
        return self._picture


def _check(index: int, n_pages: int, name: str) -> None:
    if not 0 <= index < n_pages:
        raise PageError(f"{name}: there is no page {index + 1} of {n_pages}")


def _points(width: int, height: int, dpi: float) -> tuple[float, float]:
    scale = POINTS_PER_INCH / dpi if dpi else 1.0
    return width * scale, height * scale


def _rendered(index: int, picture: Image.Image, dpi: float) -> RenderedPage:
    width, height = _points(*picture.size, dpi)
    return RenderedPage(
        index=index,
        pixels=np.array(picture),
        dpi=dpi,
        rotation=0,
        width_points=width,
        height_points=height,
    )
