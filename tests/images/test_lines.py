# SPDX-License-Identifier: Apache-2.0
"""Lines of text: painted by Pillow, level and askew, and on painted pages."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw, ImageFont
from tests.fonts import needs_fonts

from pages.maker import make
from ppocrvl.images.ink import ink_mask
from ppocrvl.images.lines import find_lines, letter_height

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXT = "The quick brown fox jumps over the lazy dog and goes on to the next page"


def block(
    n_lines: int, *, size: int = 18, words: int = 8, paper: int = 255, ink: int = 0
) -> Image.Image:
    """Lines of words, one letter height and a half apart."""
    rng = random.Random(n_lines)
    image = Image.new("L", (60 * words + 20, n_lines * size * 3 // 2 + 20), paper)
    draw = ImageDraw.Draw(image)
    for i in range(n_lines):
        text = " ".join(rng.choices(TEXT.split(), k=words))
        draw.text((10, 10 + i * size * 3 // 2), text, ink, ImageFont.load_default(size))
    return image


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


@pytest.mark.parametrize("n_lines", [1, 2, 5, 12])
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (230, 120), (40, 250)])
def test_lines_are_found(n_lines: int, paper: int, ink: int) -> None:
    image = pixels(block(n_lines, paper=paper, ink=ink))
    lines = find_lines(image)
    assert len(lines) == n_lines
    marks = ink_mask(image)
    assert sum(int(marks[y0:y1, x0:x1].sum()) for x0, y0, x1, y1 in lines) == marks.sum()
    assert all(above[3] <= below[1] for above, below in pairwise(lines))


@pytest.mark.parametrize("degrees", [-1.8, -1, 0.6, 1.8])
def test_lines_are_found_askew(degrees: float) -> None:
    # At the far end of a line others are higher or lower; every second one ends early.
    level = block(12, words=20)
    for i in range(0, 12, 2):
        level.paste(255, (500, 10 + i * 27, level.width, 10 + i * 27 + 25))
    image = level.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    widths = [x1 - x0 for x0, _, x1, _ in find_lines(pixels(image))]
    assert len(widths) == 12
    assert max(widths[::2]) < 520
    assert min(widths[1::2]) > 650


def test_a_shadow_is_no_line() -> None:
    image = pixels(block(4)).astype(np.float64)
    shadow = np.linspace(0.45, 1, image.shape[1])
    assert len(find_lines((image * shadow).astype(np.uint8))) == 4


def test_touching_lines_are_cut() -> None:
    image = pixels(block(6)).copy()
    image[20 : 20 + 5 * 27, 100] = 0  # a stroke of the pen down the lines
    assert len(find_lines(image)) == 6


def test_colours_and_grey_give_the_same() -> None:
    image = block(3)
    assert find_lines(pixels(image)) == find_lines(pixels(image.convert("RGB")))


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_pixels_give_boxes_of_ink(image: NDArray[np.uint8]) -> None:
    marks = ink_mask(image)
    lines = find_lines(image)
    assert bool(lines) == marks.any()
    for x0, y0, x1, y1 in lines:
        assert 0 <= x0 < x1 <= image.shape[1]
        assert 0 <= y0 < y1 <= image.shape[0]
        assert marks[y0:y1, x0:x1].any()


def test_letters_are_measured() -> None:
    small, large = (letter_height(ink_mask(pixels(block(4, size=size)))) for size in (14, 28))
    assert 1.7 < large / small < 2.3
    assert letter_height(np.zeros((9, 9), np.bool_)) > 0


@needs_fonts
def test_lines_of_painted_pages() -> None:
    n_blocks = n_right = 0
    for number in range(12):
        page = make(f"lines {number}", decorated=False)
        image = pixels(page.image)
        for region in page.regions:
            if region.label in {"text", "abstract", "paragraph_title"} and region.lines:
                assert region.box is not None
                x0, y0, x1, y1 = region.box
                n_blocks += 1
                n_right += len(find_lines(image[y0:y1, x0:x1])) == len(region.lines)
    assert n_blocks > 80
    assert n_right >= 0.97 * n_blocks
