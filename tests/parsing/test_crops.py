# SPDX-License-Identifier: Apache-2.0
"""Pictures of blocks, where the comparison with PaddleX says too little."""

from __future__ import annotations

import numpy as np
import pytest

from ppocrvl.parsing.crops import clipped, crop, without_margin

TRIANGLE = ((0.0, 0.0), (9.0, 0.0), (0.0, 9.0))


def test_the_page_is_not_painted_on() -> None:
    """Another block may need what lies outside the polygon of this one."""
    page = np.zeros((20, 20, 3), np.uint8)
    cut = crop(page, (0, 0, 10, 10), TRIANGLE)
    assert (cut == 255).any()
    cut[:] = 7
    assert not page.any()


def test_the_outline_belongs_to_the_inside() -> None:
    cut = crop(np.zeros((20, 20, 3), np.uint8), (0, 0, 10, 10), TRIANGLE)[..., 0]
    assert not cut[0].any()
    assert not cut[:, 0].any()
    assert cut[9, 9] == 255


@pytest.mark.parametrize("polygon", [(), ((0.0, 0.0),), ((0.0, 0.0), (9.0, 9.0))])
def test_what_is_no_polygon_stands_for_the_box(
    polygon: tuple[tuple[float, float], ...],
) -> None:
    assert not crop(np.zeros((20, 20, 3), np.uint8), (5, 5, 15, 15), polygon).any()


@pytest.mark.parametrize(
    ("box", "on_page"),
    [
        ((-50, -40, -20, -10), (0, 0, 0, 0)),
        ((-50, 10, 20, 300), (0, 10, 20, 100)),
        ((150, 10, 200, 20), (90, 10, 90, 20)),
        ((20, 30, 10, 5), (20, 30, 20, 30)),
    ],
)
def test_boxes_are_clipped(
    box: tuple[int, int, int, int], on_page: tuple[int, int, int, int]
) -> None:
    assert clipped(box, 90, 100) == on_page


@pytest.mark.parametrize(("side", "is_cut"), [(2, False), (3, True)])
def test_of_a_margin_less_ink_than_three_pixels_is_left_alone(side: int, *, is_cut: bool) -> None:
    pixels = np.full((30, 30, 3), 255, np.uint8)
    pixels[10 : 10 + side, 5:20] = 0
    assert without_margin(pixels).shape[:2] == ((side, 15) if is_cut else (30, 30))
