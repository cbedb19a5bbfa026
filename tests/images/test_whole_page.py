# SPDX-License-Identifier: Apache-2.0
"""Whole pages are told from what is cut out of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ppocrvl.images.whole_page import is_whole_page

TEXT = "the quick brown fox jumps over all of those lazy dogs and goes on to another page"
MARGIN, PITCH = 70, 26


def page(
    n_lines: int = 40, *, columns: int = 1, size: tuple[int, int] = (900, 1200)
) -> Image.Image:
    """Lines of words from the top on, within margins."""
    rng = random.Random(n_lines)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(18.0)
    width = (size[0] - 2 * MARGIN) // columns
    for column in range(columns):
        for line in range(n_lines):
            text = ""
            while (
                draw.textlength(longer := f"{text} {rng.choice(TEXT.split())}", font) < width - 30
            ):
                text = longer
            draw.text((MARGIN + column * width, MARGIN + line * PITCH), text, "black", font)
    return image


@pytest.mark.parametrize("columns", [1, 2])
def test_a_page_is_a_page(columns: int) -> None:
    assert is_whole_page(page(columns=columns))
    assert is_whole_page(ImageOps.invert(page(columns=columns)))


def test_at_any_resolution() -> None:
    assert is_whole_page(page().resize((2700, 3600)))
    assert is_whole_page(page().resize((675, 900)))


@pytest.mark.parametrize(
    "box",
    [
        (70, 70, 830, 1110),  # all of its text
        (60, 60, 840, 1120),  # and some pixels around it
        (0, 65, 900, 1105),
        (65, 0, 835, 1200),
        (70, 70, 450, 1110),  # half a column
        (0, 0, 900, 330),  # ten lines
    ],
)
def test_a_part_of_a_page_is_none(box: tuple[int, int, int, int]) -> None:
    assert not is_whole_page(page().crop(box))


def test_few_lines_are_no_page() -> None:
    assert not is_whole_page(page(8))
    # Rows of a table with many cells are not many lines.
    assert not is_whole_page(page(8, columns=4))


def test_what_is_too_small_to_be_read_is_no_page() -> None:
    assert not is_whole_page(page().resize((300, 400)))


def test_a_long_strip_is_no_page() -> None:
    assert not is_whole_page(page(40, size=(500, 1200)))


def test_pictures_without_text_are_no_pages() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1200, 900, 3), np.uint8)
    assert not is_whole_page(Image.fromarray(noise))
    assert not is_whole_page(Image.new("RGB", (900, 1200), "white"))
    assert not is_whole_page(Image.new("RGB", (900, 1200)))
