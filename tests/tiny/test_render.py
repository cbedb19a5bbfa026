# SPDX-License-Identifier: Apache-2.0
"""What is drawn is what the targets say."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.not_run import TRAINING_FONTS

from tiny import data, fonts, render
from tiny.render import Source

needs_fonts = pytest.mark.skipif(not fonts.train_fonts(), reason=TRAINING_FONTS)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((20, 200), (112, 952)),  # enlarged to 112 cells, then rounded up
        ((40, 4000), (28, 4004)),  # large enough as it is
        ((266, 462), (280, 448)),  # 9.5 -> 10 and 16.5 -> 16: half to even
        ((1, 1), (308, 308)),
        ((3000, 3000), (980, 980)),  # at most 1280 cells
    ],
)
def test_smart_resize(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert render.smart_resize(*size) == expected


def test_smart_resize_refuses_a_thread() -> None:
    with pytest.raises(ValueError, match="200:1"):
        render.smart_resize(30, 30 * 201)


@needs_fonts
@pytest.mark.parametrize("kind", ["line", "block", "table"])
def test_targets_lie_in_the_picture(kind: str) -> None:
    rng, noise = random.Random(5), np.random.default_rng(5)
    src = Source(fonts.train_fonts(), rng)
    for _ in range(30):
        size = data.size_of(rng, kind, 1.0)
        s = data.draw(src, noise, kind, size)
        rows, cols = render.Frame.of(*size).grid
        assert s.pixels.shape == (rows * 28, cols * 28, 3)
        assert s.tokens[-1] == "</s>"
        assert "</s>" not in s.tokens[:-1]
        assert ((s.cells >= 0) & (s.cells < rows * cols)).all()
        assert ((s.slots >= 0) & (s.slots < render.SLOTS)).all()
        assert float(s.marks.weights.min()) >= 0
        assert ((s.marks.places >= 0) & (s.marks.places < rows * cols * render.SLOTS)).all()
        seen = [u for u in s.tokens if len(u) == 1 and u != "\n"]
        shares = [s.marks.weights[s.marks.classes == ord(c) - 31].sum() for c in set(seen)]
        counts = [seen.count(c) for c in set(seen)]
        np.testing.assert_allclose(shares, counts, rtol=1e-5)


@needs_fonts
@pytest.mark.parametrize("kind", ["line", "block", "table"])
def test_training_s_grid_is_the_processor_s(kind: str) -> None:
    rng = random.Random(11)
    src = Source(fonts.train_fonts(), rng)
    same = 0
    for _ in range(100):
        frame = render.Frame.of(*data.size_of(rng, kind, 1.0))
        page = data.page(src, kind, frame)
        sides = render.smart_resize(round(page.height), round(page.width))
        same += sides == (28 * frame.grid[0], 28 * frame.grid[1])
    assert same >= 90  # whole pixels and the limit's edge make the rest differ


@needs_fonts
def test_ink_is_where_a_character_is_said_to_be() -> None:
    rng = random.Random(7)
    src = Source(fonts.train_fonts()[:1], rng)
    for _ in range(20):
        page = render.line(src, render.Frame.of(1, 10))
        scale = page.ink.width / page.width
        ink = np.asarray(page.ink)
        for unit in page.units[:-1]:
            if unit.token.isalnum():
                x = int(unit.x * scale)
                assert ink[:, max(0, x - int(9 * scale)) : x + int(9 * scale)].max() > 60


@needs_fonts
def test_equal_seeds_draw_equal_batches_and_ranks_differ() -> None:
    first, again = (data.Stream(3, 0, 60).next(1.0) for _ in range(2))
    other = data.Stream(3, 1, 60).next(1.0)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.ids, again.ids)
    assert (other.kind, other.rows, other.cols) == (first.kind, first.rows, first.cols)
    assert not np.array_equal(first.pixels, other.pixels)


def test_held_out_fonts_are_not_trained_on() -> None:
    assert not set(fonts.train_fonts()) & set(fonts.held_out_fonts())
    trained = {p.name for p in fonts.train_fonts()}
    assert not trained & {"Arimo-Regular.ttf", "Tinos-Regular.ttf"}
