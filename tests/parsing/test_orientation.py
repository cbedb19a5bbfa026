# SPDX-License-Identifier: Apache-2.0
"""Pages on their side or head; docs/parsing.md has figures on many painted pages."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ppocrvl.parsing.orientation import Rotation, page_rotation, turned

TEXT = "Although the quick brown fox had jumped all of those dogs slept behind a hill"
WORDS = TEXT.split()


def page(n_lines: int = 40, words: list[str] = WORDS) -> np.ndarray:
    canvas = Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(canvas)
    for i in range(n_lines):
        # Other words in each line: what is the same below itself looks like lines down the page.
        line = [words[(7 * i + 3 * j + i * j) % len(words)] for j in range(9 + i % 3)]
        draw.text((60, 60 + 26 * i), " ".join(line), "black", ImageFont.load_default(20.0))
    return np.array(canvas)


@pytest.mark.parametrize(("lies", "turn"), [(0, 0), (90, 270), (180, 180), (270, 90)])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_turned_upright(lies: Rotation, turn: int, *, dark: bool) -> None:
    pixels = turned(255 - page() if dark else page(), lies)
    assert page_rotation(pixels) == turn


def test_turning_is_clockwise() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    assert turned(pixels, 90)[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert turned(pixels, 180)[..., 0].tolist() == [[5, 4, 3], [2, 1, 0]]
    assert turned(turned(pixels, 270), 90).tolist() == pixels.tolist()


@pytest.mark.parametrize("lies", [0, 90, 180, 270])
def test_a_page_of_few_lines_is_not_turned(lies: Rotation) -> None:
    assert page_rotation(turned(page(1), lies)) == 0


@pytest.mark.parametrize("text", [TEXT.upper(), "0123 456 7890 12 345 67 8901 2345 6 789 01"])
def test_a_page_without_ascenders_stays_as_it_is(text: str) -> None:
    assert page_rotation(page(words=text.split())) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 3000, 3), (500, 400, 3)])
def test_a_page_without_ink_is_not_turned(shape: tuple[int, int, int]) -> None:
    assert page_rotation(np.full(shape, 255, np.uint8)) == 0
    assert page_rotation(np.zeros(shape, np.uint8)) == 0
