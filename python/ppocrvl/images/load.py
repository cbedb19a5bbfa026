# SPDX-License-Identifier: Apache-2.0
"""Any kind of image to an upright RGB picture, as a person sees it on white paper."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from ppocrvl.errors import ImageDecodeError, ImageError, ImageTooLargeError, PpocrvlError
from ppocrvl.images.flatten import flatten, flatten_array
from ppocrvl.images.limits import MAX_IMAGE_PIXELS, check_image_size, check_sides
from ppocrvl.images.memory import decoding, memory_wanted
from ppocrvl.images.quiet_tiff import silence_libtiff
from ppocrvl.images.source import is_pdf, name_of, read_source
from ppocrvl.images.webp_header import webp_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.requests.image_source import ImageSource

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
"""Pillow's names of the formats that are tried. The rest is rare; EPS would start Ghostscript, and
ICO is decoded before its size can be checked."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF 6.0

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of the EXIF orientation tag (EXIF 2.32, tag 0x0112)."""


def load_image(source: ImageSource, *, max_image_pixels: int = MAX_IMAGE_PIXELS) -> Image.Image:
    """Load a picture as a person sees it.

    EXIF rotation is applied; transparency is laid on white; palette, grey, 16-bit and CMYK pictures
    become 8-bit RGB; of several frames the first is taken. ICC profiles are ignored, as in the
    reference.

    Args:
        source: a path; encoded bytes; a binary file object (read from where it stands); a Pillow
            image; or a numpy array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4] (RGB, RGBA) of uint8,
            uint16 (0..65535), bool, or float in 0..1.
        max_image_pixels: limit on width * height, checked before pixels are decoded.

    Returns:
        A Pillow image of mode RGB that shares no pixels with `source`.

    Raises:
        ImageNotFoundError: no such file, or it cannot be read.
        ImageDecodeError: not an image, or a damaged one.
        ImageTooLargeError: over the limit on bytes or pixels.
        ImageTooThinError: one side is over 201 times the other.
        ImageError: an array or object that is no picture.
        EngineError: not enough memory.
    """
    where = _name_of(source)
    with image_errors(where):
        return _load(source, where, max_image_pixels)


@contextmanager
def image_errors(where: str) -> Iterator[None]:
    """Within it a picture is read; what goes wrong comes out as one of `load_image`'s errors.

    Args:
        where: name of the picture, for the message.
    """
    try:
        with memory_wanted(f"to read {where}"):
            yield
    except Exception as error:
        _let_go(error)
        if isinstance(error, PpocrvlError):
            raise
        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise ImageTooLargeError(
                f"{where} is over Pillow's limit on pixels ({_one_line(error)})"
            ) from error
        # Pillow throws nearly every class of exception on damaged bytes (OSError, SyntaxError,
        # ValueError, struct.error, zlib.error, …): all of them mean the same here.
        raise ImageDecodeError(
            f"{where} is damaged, truncated or of an unknown kind ({_one_line(error)}); "
            "make or fetch it again"
        ) from error


def _name_of(source: ImageSource) -> str:
    if isinstance(source, np.ndarray):
        return "the array"
    return "the image" if isinstance(source, Image.Image) else name_of(source)


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold, a file and its pixels: it may be kept for long."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__  # not its context, which may be the caller's affair


def _load(source: ImageSource, where: str, max_image_pixels: int) -> Image.Image:
    if isinstance(source, np.ndarray):
        return _from_array(source, where, max_image_pixels)
    if isinstance(source, Image.Image):
        upright = upright_rgb(source, where, max_image_pixels)
        return upright.copy() if upright is source else upright
    with open_header(read_source(source), where, max_image_pixels) as picture:
        upright = upright_rgb(picture, where, max_image_pixels)
        # The file's object keeps its bytes, and that of WebP a decoder with two more pictures. No
        # public method of Pillow takes the pixels from it without a copy.
        return picture._new(picture.im) if upright is picture else upright  # noqa: SLF001


def open_header(data: bytes, where: str, max_image_pixels: int) -> Image.Image:
    """The picture, its header read. Unlike `Image.open` this leaves the check of the size to us."""
    for register_formats in (
        Image.preinit,
        Image.init,
    ):  # the five common ones; then all, which takes 70 ms
        register_formats()
        for name in FORMATS:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory is None or not (accept is None or accept(data[:16]) is True):
                continue
            size = webp_size(data) if name == "WEBP" else None
            if size is None:
                return factory(BytesIO(data), "")
            _check_size(*size, where, max_image_pixels)
            with decoding(*size):
                return factory(BytesIO(data), "")
    if is_pdf(data):
        raise ImageDecodeError(f"{where} is a PDF, not an image; ppocrvl parse reads PDFs")
    raise ImageDecodeError(
        f"{where} is not an image that can be read (known: {', '.join(FORMATS)})"
    )


def upright_rgb(picture: Image.Image, where: str, max_image_pixels: int) -> Image.Image:
    """The picture (its present frame) upright and RGB: `picture` itself if it is that already."""
    _check_size(*picture.size, where, max_image_pixels)
    if picture.format == "TIFF":
        _check_tile(picture, where, max_image_pixels)
        silence_libtiff()
    with decoding(*picture.size):
        picture.load()
    plain = picture.mode == "RGB" and not picture.has_transparency_data
    rgb = picture if plain else flatten(picture, where)
    turn = _TURNS.get(orientation(picture))
    return rgb.transpose(turn) if turn is not None else rgb


def _check_size(width: int, height: int, where: str, max_image_pixels: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{where} has {width} x {height} pixels: there is nothing to read")
    check_image_size(width, height, max_image_pixels, where)
    check_sides(width, height, where)


def _check_tile(picture: Image.Image, where: str, max_image_pixels: int) -> None:
    """A tile is decoded as a whole, however small the picture that is cut from it."""
    tags = getattr(picture, "tag_v2", {})
    width, length = tags.get(_TILE_WIDTH), tags.get(_TILE_LENGTH)
    if isinstance(width, int) and isinstance(length, int):
        check_image_size(width, length, max_image_pixels, f"a tile of {where}")


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none. Damaged EXIF must not lose a good picture."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader throws as many classes as its decoders
        return 1


def _from_array(array: npt.NDArray[np.generic], where: str, max_image_pixels: int) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ImageError(
            "an image array must have shape (h, w), (h, w, 3) or (h, w, 4), "
            f"not {tuple(array.shape)}"
        )
    _check_size(array.shape[1], array.shape[0], where, max_image_pixels)
    return flatten_array(array)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
