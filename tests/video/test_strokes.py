# SPDX-License-Identifier: Apache-2.0
"""Frames are compared in what looks like letters."""

from __future__ import annotations

import numpy as np
import pytest
from tests.video.clips import captioned, moving, slide

from ppocrvl.video.strokes import Strokes


def strokes(pixels: np.ndarray) -> Strokes:
    grey = np.asarray(pixels).mean(axis=2).astype(np.uint8)
    return Strokes.of(grey, min(grey.shape))


def test_a_moving_picture_is_blank() -> None:
    assert strokes(moving(0)).is_blank
    assert not strokes(moving(0)).differ(strokes(moving(2)))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_caption_stays_over_a_moving_picture(size: int, dark: bool) -> None:  # noqa: FBT001
    before, after = (
        strokes(captioned(moving(at), "It is 12:01 now.", size=size, dark=dark)) for at in (0, 2)
    )
    assert not before.is_blank
    assert not before.differ(after)


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("digits", ["12", "08", "56", "38"])
def test_one_digit_is_another_text(size: int, digits: str) -> None:
    before, after = (
        strokes(captioned(moving(0), f"It is 12:0{digit} now.", size=size)) for digit in digits
    )
    assert before.differ(after)
    assert after.differ(before)


def test_faint_letters_are_letters() -> None:
    """Of less contrast than is asked of a pixel that is repainted."""
    faint = [(255 - (255 - slide(text)) * 0.3).astype(np.uint8) for text in ("One", "Other")]
    assert not strokes(faint[0]).is_blank
    assert strokes(faint[0]).differ(strokes(faint[1]))


def test_a_bar_is_a_stroke() -> None:
    """In which alone many a digit differs from another. Too faint to count as repainted."""
    plain = slide()
    barred = plain.copy()
    barred[80:83, 100:160] = 190
    assert not strokes(barred).is_blank
    assert strokes(plain).differ(strokes(barred))


def test_a_text_that_comes_or_goes_is_a_change() -> None:
    empty, full = strokes(moving(0)), strokes(captioned(moving(1), "Hello"))
    assert empty.differ(full)
    assert full.differ(empty)


def test_other_sizes_differ() -> None:
    assert strokes(slide("A")).differ(strokes(slide("A", size=(400, 180))))


def test_what_fades_lies_within_its_neighbours() -> None:
    one, other = slide("The first slide"), slide("Quite another", "on two lines")
    half = strokes((one * 0.5 + other * 0.5).astype(np.uint8))
    assert half.lies_within(strokes(one), strokes(other))
    assert not strokes(slide("Something else")).lies_within(strokes(one), strokes(other))


def test_the_box_holds_the_letters_and_not_the_picture_around() -> None:
    pixels = captioned(moving(0), "Hello there")
    x0, y0, x1, y1 = strokes(pixels).box(8, 320, 180)
    is_ink = (pixels < 40).all(axis=2)
    rows, columns = np.nonzero(is_ink)
    assert x0 <= columns.min() - 4
    assert x1 >= columns.max() + 4
    assert y0 <= rows.min() - 4
    assert y1 >= rows.max() + 4
    assert (pixels[y0:y1, x0:x1].reshape(-1, 3).std(axis=1) < 3).all()  # black and white alone


def test_large_frames_are_reduced() -> None:
    """Letters of 8K are compared as those of 540 rows, and give the same box."""
    small = slide("Reduced")
    grey = np.kron(small[..., 0], np.ones((12, 12), np.uint8))
    large = Strokes.of(grey, min(grey.shape))
    assert large.scale == 4
    assert not large.is_blank
    x0, y0, x1, y1 = large.box(0, grey.shape[1], grey.shape[0])
    own = strokes(small).box(0, 320, 180)
    assert np.abs(np.array([x0, y0, x1, y1]) / 12 - own).max() <= 2
