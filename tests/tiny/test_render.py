# SPDX-License-Identifier: Apache-2.0
"""Sizes of pictures as the processor makes them; plain pictures."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.fonts import needs_fonts

from tiny import data, fonts, render, sizes
from tiny.render import Source


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((20, 200), (112, 952)),  # enlarged to 112 cells, then rounded up
        ((40, 4000), (28, 4004)),  # large enough as it is
        ((266, 462), (280, 448)),  # 9.5 -> 10 and 16.5 -> 16: half to even
        ((1, 1), (308, 308)),
        ((3000, 3000), (700, 700)),  # at most 640 cells
    ],
)
def test_smart_resize(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert sizes.smart_resize(*size) == expected


def test_smart_resize_refuses_a_thread() -> None:
    with pytest.raises(ValueError, match="200:1"):
        sizes.smart_resize(30, 30 * 201)


@needs_fonts
def test_ink_is_where_a_character_is_said_to_be() -> None:
    rng = random.Random(7)
    src = Source(fonts.train_fonts()[:1], rng)
    for _ in range(20):
        page = render.line(src, (1, 10))
        scale = page.ink.width / page.width
        ink = np.asarray(page.ink)
        for unit in page.units[:-1]:
            if unit.text.isalnum():
                x = int(unit.x * scale)
                assert ink[:, max(0, x - int(9 * scale)) : x + int(9 * scale)].max() > 60


@needs_fonts
@pytest.mark.parametrize("kind", ["line", "block", "table"])
def test_plain_pictures_have_about_the_size_that_was_asked_for(kind: str) -> None:
    rng = random.Random(5)
    src = Source(fonts.train_fonts(), rng)
    for _ in range(20):
        rows, cols = data.size_of(rng, kind)
        page = data.page(src, kind, (rows, cols))
        assert page.height <= (rows + 1.5) * 28
        assert page.units[-1].text == "</s>"


def test_held_out_fonts_are_not_trained_on() -> None:
    assert not set(fonts.train_fonts()) & set(fonts.held_out_fonts())
    trained = {p.name for p in fonts.train_fonts()}
    assert not trained & {"Arimo-Regular.ttf", "Tinos-Regular.ttf"}
