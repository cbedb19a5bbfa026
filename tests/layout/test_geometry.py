# SPDX-License-Identifier: Apache-2.0
"""Contours and polygons by what defines them; against OpenCV and Shapely they are golden data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ppocrvl.images.components import find_components
from ppocrvl.layout.contours import area, largest_contour, perimeter, simplified, stretched
from ppocrvl.layout.polygons import convex_hull, overlap, smallest_rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float64)
masks = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14),
    elements=st.integers(0, 1),
)
corners = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9).map(
    lambda points: np.array(points, np.float64)
)


def inside(polygon: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    """Winding number of each place, counted with the polygon's main direction."""
    around = np.zeros(x.shape)
    total = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        total += x0 * y1 - x1 * y0
        if y0 != y1:
            crosses = (min(y0, y1) <= y) & (y < max(y0, y1))
            around += crosses * (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)) * np.sign(y1 - y0)
    return around * (1 if total > 0 else -1) > 0


@settings(max_examples=30)
@given(corners, corners)
def test_overlaps_are_those_of_many_points(first: Any, second: Any) -> None:
    step = 1 / 8
    y, x = np.mgrid[-0.5 * step : 12.5 : step, -0.5 * step : 12.5 : step]
    one, other = inside(first, x, y), inside(second, x, y)
    found = overlap(first, second)
    for value, marks in ((found.first, one), (found.second, other), (found.shared, one & other)):
        assert value == pytest.approx(marks.sum() * step * step, abs=5)


def test_overlap_in_numbers() -> None:
    shifted = SQUARE + np.array([5, 0])
    found = overlap(SQUARE, shifted[::-1])
    assert (found.first, found.second, found.shared) == pytest.approx((100, 100, 50))
    assert found.of_union == pytest.approx(1 / 3)
    assert found.of_smaller == pytest.approx(0.5)
    bay = np.array([[0, 0], [10, 0], [10, 10], [5, 1], [0, 10]], np.float64)
    assert overlap(bay, SQUARE).shared == pytest.approx(55)
    nothing = overlap(np.zeros((4, 2)), SQUARE)
    assert (nothing.of_union, nothing.of_smaller) == (0, 0)


@given(corners)
def test_the_smallest_rectangle_holds_all_points(points: Any) -> None:
    rectangle = smallest_rectangle(points)
    sides = np.roll(rectangle, -1, axis=0) - rectangle
    if np.linalg.norm(sides, axis=1).min() > 1e-6:
        assert abs(sides[0] @ sides[1]) < 1e-3
    for corner, side in zip(rectangle, sides, strict=True):
        across = side[0] * (points[:, 1] - corner[1]) - side[1] * (points[:, 0] - corner[0])
        assert (across >= -1e-3).all()
    widths = []
    for angle in np.linspace(0, np.pi / 2, 91):
        turned = points @ [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        widths.append(np.prod(turned.max(axis=0) - turned.min(axis=0)))
    assert overlap(rectangle, rectangle).first <= min(widths) + 1e-3


@given(corners)
def test_the_hull_is_convex(points: Any) -> None:
    hull = convex_hull(points)
    assert {tuple(p) for p in hull} <= {tuple(p) for p in points}
    if len(hull) > 2:
        ahead = np.roll(hull, -1, axis=0) - hull
        after = np.roll(ahead, -1, axis=0)
        assert (ahead[:, 0] * after[:, 1] > ahead[:, 1] * after[:, 0]).all()


@given(masks)
def test_the_contour_goes_round_a_component(mask: NDArray[np.uint8]) -> None:
    contour = largest_contour(mask)
    if contour is None:
        assert not mask.any()
        return
    assert (mask[contour[:, 1], contour[:, 0]] == 1).all()
    x0, y0 = contour.min(axis=0)
    x1, y1 = contour.max(axis=0)
    assert [x0, y0, x1 + 1, y1 + 1] in find_components(mask != 0).boxes().tolist()
    steps = np.abs(np.roll(contour, -1, axis=0) - contour)
    assert ((steps.min(axis=1) == 0) | (steps[:, 0] == steps[:, 1])).all()  # straight or diagonal


def test_contours_of_shapes() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[2:7, 3:10] = 1
    mask[3:5, 4:8] = 0  # a hole
    mask[0, 0] = 1
    contour = largest_contour(mask)
    assert contour is not None
    assert contour.tolist() == [[3, 2], [3, 6], [9, 6], [9, 2]]
    assert (area(contour), perimeter(contour)) == (24, 20)


@given(masks, st.floats(0, 4))
def test_simplified_points_are_near(mask: NDArray[np.uint8], tolerance: float) -> None:
    contour = largest_contour(mask)
    if contour is not None:
        kept = simplified(contour, tolerance)
        assert 1 <= len(kept) <= len(contour)
        assert {tuple(p) for p in kept} <= {tuple(p) for p in contour}


@settings(max_examples=50)
@given(masks, st.integers(1, 40), st.integers(1, 40))
def test_stretched(mask: NDArray[np.uint8], width: int, height: int) -> None:
    found = stretched(mask, width, height)
    rows = [y * mask.shape[0] // height for y in range(height)]
    columns = [x * mask.shape[1] // width for x in range(width)]
    exact = mask[rows][:, columns]
    assert found.shape == exact.shape
    if not (width % mask.shape[1] or height % mask.shape[0]):
        assert np.array_equal(found, exact)
    assert np.array_equal(stretched(mask, *mask.shape[::-1]), mask)
