# SPDX-License-Identifier: Apache-2.0
"""Every kind of pixels to RGB on white paper, a band of rows at a time.

What a conversion takes beside its result, up to 24 bytes a pixel, it takes for one band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from ppocrvl.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

_BAND_PIXELS = 1 << 18

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0, PhotometricInterpretation


def flatten(picture: Image.Image, where: str) -> Image.Image:
    """A new RGB picture; `picture` stays as it is.

    Raises:
        ImageError: deep greys for which black and white are not defined.
    """
    if picture.mode.startswith("I") or picture.mode == "F":
        to_rgb = _deep_grey(picture, where)
    elif picture.has_transparency_data:
        to_rgb = _on_white
    else:
        return picture.convert("RGB")
    width, height = picture.size
    return _put_together(
        (width, height), lambda top, end: to_rgb(picture.crop((0, top, width, end)))
    )


def flatten_array(array: npt.NDArray[np.generic]) -> Image.Image:
    """An RGB picture of an array [h, w] or [h, w, 3 or 4] of values as `load_image` takes them.

    Raises:
        ImageError: values of another type, or out of range.
    """
    to_bytes = _array_scale(array)
    to_rgb = _on_white if array.shape[2:] == (4,) else _as_it_is

    def band(top: int, end: int) -> Image.Image:
        return to_rgb(Image.fromarray(np.ascontiguousarray(to_bytes(array[top:end]))))

    return _put_together((array.shape[1], array.shape[0]), band)


def _put_together(size: tuple[int, int], band: Callable[[int, int], Image.Image]) -> Image.Image:
    """The picture of the bands that `band` gives for a first row and the row after the last."""
    paper = Image.new("RGB", size)
    for top, end in _bands(*size):
        paper.paste(band(top, end), (0, top))
    return paper


def _bands(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "La":  # grey with premultiplied alpha has no direct way to RGBA in Pillow
        picture = picture.convert("LA")
    rgba = picture.convert("RGBA")
    paper = Image.new("RGB", rgba.size, "white")
    paper.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return paper


def _deep_grey(picture: Image.Image, where: str) -> Callable[[Image.Image], Image.Image]:
    """What makes bands of modes I;16*, I and F RGB; Pillow would clip at 255 instead of scaling."""
    full = 65535.0 if picture.mode.startswith("I;16") else _full_scale(picture, where)
    # Pillow turns 8-bit pictures only.
    white_is_zero = picture.mode.startswith("I;16") and _tiff_white_is_zero(picture)
    clear = picture.info.get("transparency")

    def to_rgb(band: Image.Image) -> Image.Image:
        values = np.asarray(band)
        grey = np.rint(values * (255.0 / full)).astype(np.uint8)
        if white_is_zero:
            grey = 255 - grey
        if isinstance(clear, int):
            grey[values == clear] = 255
        return Image.fromarray(grey)

    return to_rgb


def _full_scale(picture: Image.Image, where: str) -> float:
    """The value of white in a picture of mode I or F, whose values alone can tell."""
    extremes = []
    for top, end in _bands(*picture.size):
        values = np.asarray(picture.crop((0, top, picture.width, end)))
        extremes.append((values.min(), values.max()))
    low, high = float(np.min(extremes)), float(np.max(extremes))
    if picture.mode == "I" and low >= 0 and high <= 65535:
        # 16-bit PGM arrives as mode I with full scale 65535; L.convert("I") has full scale 255.
        return 65535.0 if high > 255 else 255.0
    if picture.mode == "F" and low >= 0 and high <= 255:
        return 255.0 if high > 1 else 1.0
    raise ImageError(
        f"{where} has {picture.mode} greys from {low:g} to {high:g}, for which black and white "
        "are not defined; scale them to 8 bits first"
    )


def _tiff_white_is_zero(picture: Image.Image) -> bool:
    tags = getattr(picture, "tag_v2", {})
    return tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _array_scale(
    array: npt.NDArray[np.generic],
) -> Callable[[npt.NDArray[np.generic]], npt.NDArray[np.uint8]]:
    """What makes parts of an array bytes."""
    if array.dtype == np.uint8:
        return lambda part: cast("npt.NDArray[np.uint8]", part)
    if array.dtype == np.bool_:
        return lambda part: np.where(part, np.uint8(255), np.uint8(0))
    if array.dtype == np.uint16:
        scale = 255.0 / 65535.0
    elif np.issubdtype(array.dtype, np.floating):
        floats = cast("npt.NDArray[np.floating]", array)
        # written so that NaN fails it
        if not (floats.min() >= 0 and floats.max() <= 1):
            raise ImageError(
                f"a {array.dtype} image array must hold values from 0 to 1, "
                f"not {floats.min():g} to {floats.max():g}"
            )
        scale = 255.0
    else:
        raise ImageError(
            f"an image array must be uint8, uint16, bool, or float from 0 to 1, not {array.dtype}"
        )
    return lambda part: np.rint(cast("npt.NDArray[np.floating]", part) * scale).astype(np.uint8)
