# SPDX-License-Identifier: Apache-2.0
"""The size and the pixels that the encoder sees are those of the reference."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppocrvl.errors import ImageTooThinError
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels, smart_resize

LIMITS = {"1.0": (147384, 2822400), "1.6": (112896, 1003520), "spotting": (112896, 1605632)}
GOLDEN = json.loads(Path(__file__).with_name("golden_sizes.json").read_text(encoding="utf-8"))


def _size_or_none(height: int, width: int, limits: tuple[int, int]) -> list[int] | None:
    try:
        size = smart_resize(height, width, min_pixels=limits[0], max_pixels=limits[1])
    except ImageTooThinError:
        return None
    return list(size)


@pytest.mark.parametrize("name", LIMITS)
def test_sizes_are_those_of_the_golden_table(name: str) -> None:
    found = {
        f"{height}x{width}": _size_or_none(height, width, LIMITS[name])
        for height, width in (map(int, key.split("x")) for key in GOLDEN[name])
    }
    assert found == GOLDEN[name]


def test_halves_go_to_the_even_multiple() -> None:
    assert smart_resize(70, 980, min_pixels=1, max_pixels=10**9) == (56, 980)


def test_thin_picture_is_refused_with_its_size() -> None:
    with pytest.raises(ImageTooThinError, match=r"20 x 6000 pixels has sides 300:1.*200:1"):
        smart_resize(6000, 20, min_pixels=112896, max_pixels=1003520)


def test_pixels_are_contiguous_bytes_of_the_stretched_picture() -> None:
    picture = Image.new("RGB", (300, 24), (10, 200, 30))
    pixels = resize_to_pixels(picture, min_pixels=112896, max_pixels=1003520)
    assert pixels.shape == (112, 1204, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == (10, 200, 30)).all()  # stretched: no black bars


@pytest.mark.parametrize(
    ("size", "enlarged"),
    [((1499, 1499), (2998, 2998)), ((1500, 10), (1500, 10)), ((10, 1500), (10, 1500))],
)
def test_spotting_doubles_only_small_pictures(
    size: tuple[int, int], enlarged: tuple[int, int]
) -> None:
    assert enlarge_for_spotting(Image.new("RGB", size)).size == enlarged


@pytest.mark.reference
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("size", [(300, 24), (61, 700), (1000, 1414), (37, 37), (1700, 90)])
def test_pixels_are_those_of_transformers(name: str, size: tuple[int, int]) -> None:
    """Undoes the reference's normalisation, which loses nothing of a byte."""
    from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
        PaddleOCRVLImageProcessorPil,
    )

    low, high = LIMITS[name]
    noise = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    processor = PaddleOCRVLImageProcessorPil(
        size={"shortest_edge": low, "longest_edge": high},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    features = processor(images=picture, return_tensors="np")
    (_, rows, columns) = features["image_grid_thw"][0]
    patches = features["pixel_values"].reshape(rows, columns, 3, 14, 14)
    theirs = np.rint(
        (patches.transpose(0, 3, 1, 4, 2).reshape(rows * 14, columns * 14, 3) + 1) * 127.5
    )
    ours = resize_to_pixels(picture, min_pixels=low, max_pixels=high)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.reference
def test_golden_table_is_fresh() -> None:
    maker = runpy.run_path(str(Path(__file__).with_name("make_golden_sizes.py")))
    assert maker["reference_table"]() == GOLDEN
