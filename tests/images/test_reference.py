# SPDX-License-Identifier: Apache-2.0
"""Preprocessing against transformers' own: sizes, bytes and floats without a difference."""

from __future__ import annotations

import io
import random
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

import ppocrvl
from ppocrvl.errors import ImageTooThinError
from ppocrvl.images.load import load_image
from ppocrvl.images.resize import resize_to_pixels, smart_resize
from ppocrvl.parity.reference import as_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

pytestmark = [pytest.mark.reference, pytest.mark.slow]

Processor: TypeAlias = Any  # transformers has no types that could be checked without it

# 46 x 46 = 2,116 pairs: below a patch, halves of 28, and what pages and crops have.
SIDES = (
    *(1, 2, 5, 9, 13, 14, 15, 20, 27, 28, 29, 41, 42, 43, 55, 56, 57, 69, 70, 71, 83, 84, 85, 97),
    *(98, 99, 126, 140, 154, 210, 299, 336, 378, 379, 500, 777, 1001, 1241, 1414, 1499, 1500),
    *(1754, 2480, 3508, 6000, 9000),
)
LIMITS = {"1.0": (147384, 2822400), "1.6": (112896, 1003520), "spotting": (112896, 1605632)}
N_PICTURES = 200


def size_of(
    resize: Callable[..., tuple[int, int]], height: int, width: int, limits: tuple[int, int]
) -> tuple[int, int] | None:
    """The target size, or None where the picture is refused."""
    try:
        return resize(height, width, factor=28, min_pixels=limits[0], max_pixels=limits[1])
    except (ValueError, ImageTooThinError):
        return None


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_target_sizes(limits: tuple[int, int]) -> None:
    from transformers.models.paddleocr_vl import image_processing_pil_paddleocr_vl as reference

    pairs = list(product(SIDES, SIDES))
    assert len(pairs) >= 2000
    ours = [size_of(smart_resize, *pair, limits) for pair in pairs]
    theirs = [size_of(reference.smart_resize, *pair, limits) for pair in pairs]
    assert ours == theirs
    assert None in ours


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> Iterator[bytes]:
    """Encoded pictures of all kinds and many sizes; smooth in part, with hard edges."""
    rng = random.Random(8)
    for number in range(N_PICTURES):
        width, height = rng.choice(((20, 300), (100, 500), (300, 20), (500, 120), (260, 260)))
        width, height = (max(3, round(v * rng.uniform(0.4, 1.6))) for v in (width, height))
        noise = np.random.default_rng(number)
        coarse = noise.integers(0, 256, (height // 9 + 1, width // 7 + 1, 4), dtype=np.uint8)
        rgba = Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)
        mode, kind = rng.choice(
            (
                *(("RGB", "PNG"), ("RGB", "JPEG"), ("RGB", "WEBP"), ("RGB", "BMP")),
                *(("RGBA", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG")),
                *(("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "TIFF"), ("P", "GIF"), ("L", "PPM")),
            )
        )
        options: dict[str, object] = {}
        if kind == "JPEG" and number % 2:
            exif = Image.Exif()
            exif[0x0112] = rng.randint(2, 8)
            options["exif"] = exif
        yield encoded(
            rgba.convert("RGB").convert(mode) if mode != "RGBA" else rgba, kind, **options
        )


@pytest.mark.timeout(600)
def test_bytes_and_floats_of_200_pictures() -> None:
    from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
        PaddleOCRVLImageProcessorPil,
    )

    with ppocrvl.Engine() as engine:
        mean, std = list(engine.info.image_mean), list(engine.info.image_std)
        processor = PaddleOCRVLImageProcessorPil(image_mean=mean, image_std=std)
        for data in pictures():
            seen = load_image(data)
            pixels = resize_to_pixels(seen, min_pixels=28 * 28, max_pixels=200_000)
            trace = engine.trace(data, max_tokens=1, min_pixels=28 * 28, max_pixels=200_000)
            size = {"shortest_edge": 28 * 28, "longest_edge": 200_000}
            raw = reference(processor, seen, size, do_rescale=False, do_normalize=False)
            np.testing.assert_array_equal(pixels, raw)
            np.testing.assert_array_equal(trace.pixels, reference(processor, seen, size))


@pytest.mark.parametrize("size", [(90, 60), (1499, 40), (1500, 40), (40, 1500)], ids=str)
def test_small_pictures_are_doubled_for_spotting(size: tuple[int, int]) -> None:
    from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
        PaddleOCRVLImageProcessorPil,
    )

    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    seen = Image.fromarray(noise)
    # PaddleX 3.7.2, its PaddleOCR-VL pipeline: both sides under 1500, Lanczos.
    small = size[0] < 1500 and size[1] < 1500
    prepared = seen.resize((2 * size[0], 2 * size[1]), Image.Resampling.LANCZOS) if small else seen
    with ppocrvl.Engine() as engine:
        mean, std = list(engine.info.image_mean), list(engine.info.image_std)
        trace = engine.trace(
            seen, task="spotting", max_tokens=1, min_pixels=28 * 28, max_pixels=1605632
        )
    processor = PaddleOCRVLImageProcessorPil(image_mean=mean, image_std=std)
    expected = reference(processor, prepared, {"shortest_edge": 784, "longest_edge": 1605632})
    np.testing.assert_array_equal(trace.pixels, expected)


def reference(
    processor: Processor, picture: Image.Image, size: dict[str, int], **options: bool
) -> npt.NDArray[np.float32]:
    """The processor's pixels as float32 [height, width, 3]."""
    out = processor(picture, size=size, return_tensors="np", **options)
    _, rows, cols = out["image_grid_thw"][0].tolist()
    return as_image(np.asarray(out["pixel_values"], np.float32), rows, cols)
