# SPDX-License-Identifier: Apache-2.0
"""Any kind of image to an upright RGB picture, as a person sees it on white paper."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from ppocrvl.errors import ImageDecodeError, ImageError, ImageNotFoundError, ImageTooLargeError
from ppocrvl.images.limits import MAX_FILE_BYTES, MAX_IMAGE_PIXELS, check_image_size

ImageSource: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | Image.Image
    | npt.NDArray[np.generic]
)
"""What may be given as an image: path, encoded bytes, binary file, Pillow image, or array."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
"""Pillow's names of the formats that are tried. The rest is rare; EPS would start Ghostscript, and
ICO is decoded before its size can be checked."""

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0, PhotometricInterpretation

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
        ImageError: an array or object that is no picture.
    """
    # Pillow throws nearly every class of exception on damaged bytes (OSError, SyntaxError,
    # ValueError, struct.error, zlib.error, MemoryError, …): all of them mean the same here.
    where = "the image"
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source, max_image_pixels)
        if isinstance(source, Image.Image):
            return _from_pillow(source, max_image_pixels, where)
        data, where = _read_source(source)
        with _open(data, where) as picture:
            return _from_pillow(picture, max_image_pixels, where)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(
            f"{where} is over Pillow's limit on pixels ({_one_line(error)})"
        ) from error
    except Exception as error:
        raise ImageDecodeError(
            f"{where} is damaged, truncated or of an unknown kind ({_one_line(error)}); "
            "make or fetch it again"
        ) from error


def _read_source(source: object) -> tuple[bytes, str]:
    """The encoded bytes and a name for messages."""
    if isinstance(source, bytes | bytearray | memoryview):
        data, where = bytes(source), "the image data"
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        where = str(path)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except IsADirectoryError as error:
            raise ImageNotFoundError(f"{where} is a folder, not an image") from error
        except FileNotFoundError as error:
            raise ImageNotFoundError(f"no such image: {where}") from error
        except (OSError, ValueError) as error:
            reason = (
                error.strerror
                if isinstance(error, OSError) and error.strerror
                else _one_line(error)
            )
            raise ImageNotFoundError(f"cannot read the image {where!r}: {reason}") from error
    elif hasattr(source, "read"):
        where = str(getattr(source, "name", "the image file object"))
        data = source.read(MAX_FILE_BYTES + 1)
        if not isinstance(data, bytes):
            raise ImageError(
                f"{where} gives {type(data).__name__}, not bytes; open it with mode 'rb'"
            )
    else:
        raise ImageError(
            f"an image cannot be a {type(source).__name__}; give a path, bytes, a binary file, "
            "a Pillow image or a numpy array"
        )
    if len(data) > MAX_FILE_BYTES:
        raise ImageTooLargeError(
            f"{where} is over the limit of {MAX_FILE_BYTES:,} bytes for an image file"
        )
    if not data:
        raise ImageDecodeError(f"{where} is empty (0 bytes); make or fetch it again")
    return data, where


def _open(data: bytes, where: str) -> Image.Image:
    """Read the header. Unlike `Image.open` this leaves the check of the size to us."""
    for register_formats in (
        Image.preinit,
        Image.init,
    ):  # the five common ones; then all, which takes 70 ms
        register_formats()
        for name in FORMATS:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory is not None and (accept is None or accept(data[:16]) is True):
                return factory(BytesIO(data), "")
    raise ImageDecodeError(
        f"{where} is not an image that can be read (known: {', '.join(FORMATS)})"
    )


def _from_pillow(picture: Image.Image, max_image_pixels: int, where: str) -> Image.Image:
    _check_size(picture.width, picture.height, max_image_pixels, where)
    picture.load()
    rgb = _to_rgb(picture, where)
    turn = _TURNS.get(_orientation(picture))
    return rgb.transpose(turn) if turn is not None else rgb


def _check_size(width: int, height: int, max_image_pixels: int, where: str) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{where} has {width} x {height} pixels: there is nothing to read")
    check_image_size(width, height, max_image_pixels, where)


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none. Damaged EXIF must not lose a good picture."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader throws as many classes as its decoders
        return 1


def _to_rgb(picture: Image.Image, where: str) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _deep_grey(picture, where)
    if not picture.has_transparency_data:
        return picture.convert("RGB") if picture.mode != "RGB" else picture.copy()
    if picture.mode == "La":  # grey with premultiplied alpha has no direct way to RGBA in Pillow
        picture = picture.convert("LA")
    return _on_white(picture.convert("RGBA"))


def _on_white(rgba: Image.Image) -> Image.Image:
    paper = Image.new("RGB", rgba.size, "white")
    paper.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return paper


def _deep_grey(picture: Image.Image, where: str) -> Image.Image:
    """Modes I;16*, I and F, which Pillow would clip at 255 instead of scaling."""
    values = np.asarray(picture)
    low, high = float(values.min()), float(values.max())
    if picture.mode.startswith("I;16"):
        full = 65535.0
    elif picture.mode == "I" and low >= 0 and high <= 65535:
        # 16-bit PGM arrives as mode I with full scale 65535; L.convert("I") has full scale 255.
        full = 65535.0 if high > 255 else 255.0
    elif picture.mode == "F" and low >= 0 and high <= 255:
        full = 255.0 if high > 1 else 1.0
    else:
        raise ImageError(
            f"{where} has {picture.mode} greys from {low:g} to {high:g}, for which black and white "
            "are not defined; scale them to 8 bits first"
        )
    grey = np.rint(values * (255.0 / full)).astype(np.uint8)
    if picture.mode.startswith("I;16") and _tiff_white_is_zero(picture):
        grey = 255 - grey  # Pillow turns 8-bit pictures only
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey).convert("RGB")


def _tiff_white_is_zero(picture: Image.Image) -> bool:
    tags = getattr(picture, "tag_v2", {})
    return tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _from_array(array: npt.NDArray[np.generic], max_image_pixels: int) -> Image.Image:
    where = "the array"
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ImageError(
            "an image array must have shape (h, w), (h, w, 3) or (h, w, 4), "
            f"not {tuple(array.shape)}"
        )
    _check_size(array.shape[1], array.shape[0], max_image_pixels, where)
    pixels = _array_to_uint8(array)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return _on_white(Image.fromarray(pixels))
    return Image.fromarray(pixels).convert("RGB")


def _array_to_uint8(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.array(array, dtype=np.uint8, order="C")
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    scaled: npt.NDArray[np.floating]
    if array.dtype == np.uint16:
        scaled = cast("npt.NDArray[np.uint16]", array) * (255.0 / 65535.0)
    elif np.issubdtype(array.dtype, np.floating):
        floats = cast("npt.NDArray[np.floating]", array)
        # written so that NaN fails it
        if not (floats.min() >= 0 and floats.max() <= 1):
            raise ImageError(
                f"a {array.dtype} image array must hold values from 0 to 1, "
                f"not {floats.min():g} to {floats.max():g}"
            )
        scaled = floats * 255.0
    else:
        raise ImageError(
            f"an image array must be uint8, uint16, bool, or float from 0 to 1, not {array.dtype}"
        )
    pixels: npt.NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return pixels


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
