# SPDX-License-Identifier: Apache-2.0
"""How much two polygons share, and the smallest rectangle around one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Areas of two polygons and of what they share, in square pixels."""

    first: float
    second: float
    shared: float

    @property
    def of_union(self) -> float:
        """Intersection over union; 0 where there is no area."""
        union = self.first + self.second - self.shared
        return self.shared / union if union > 0 else 0.0

    @property
    def of_smaller(self) -> float:
        """The share of the smaller one; 0 where it has no area."""
        smaller = min(self.first, self.second)
        return self.shared / smaller if smaller > 0 else 0.0


def overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> Overlap:
    """Areas of two polygons, each of which may be concave or cross itself.

    Where a polygon goes round a place against its main direction, the place is outside: this is
    what `buffer(0)` of Shapely makes of polygons that are not valid.

    The plane is cut into horizontal slabs at every corner and crossing. Within a slab no two edges
    cross, so from left to right the edges say where either polygon begins and ends.

    Args:
        first: [n, 2], x and y of each corner.
        second: likewise.
    """
    edges = np.concatenate((_edges(first), _edges(second)))
    is_second = np.repeat((False, True), (len(first), len(second)))
    lies_flat = edges[:, 1] == edges[:, 3]
    levels = np.unique(np.concatenate((edges[:, 1], _crossings(edges))))
    edges, is_second = edges[~lies_flat], is_second[~lies_flat]
    if len(edges) == 0 or len(levels) < 2:
        return Overlap(0.0, 0.0, 0.0)
    upper, lower = levels[:-1], levels[1:]
    middle = (upper + lower) / 2
    x0, y0, x1, y1 = edges.T
    is_there = (np.minimum(y0, y1) < middle[:, None]) & (middle[:, None] < np.maximum(y0, y1))
    slants = (x1 - x0) / (y1 - y0)
    at_middle = np.where(is_there, x0 + (middle[:, None] - y0) * slants, np.inf)
    from_left = np.argsort(at_middle, axis=1)
    xs = np.take_along_axis(at_middle, from_left, axis=1)
    with np.errstate(invalid="ignore"):
        widths = np.nan_to_num(np.diff(xs, axis=1), posinf=0.0)
    heights = (lower - upper)[:, None]
    insides = []
    for polygon, belongs in ((first, ~is_second), (second, is_second)):
        turns = np.where(is_there & belongs, np.sign(y1 - y0), 0) * _direction(polygon)
        around = np.cumsum(np.take_along_axis(turns, from_left, axis=1), axis=1)[:, :-1]
        insides.append(around > 0)
    # A trapezoid's area is its height times its width in the middle.
    areas = widths * heights
    one, other = insides
    return Overlap(*(float(areas[inside].sum()) for inside in (one, other, one & other)))


def _edges(points: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.asarray(points, np.float64)
    return np.concatenate((points, np.roll(points, -1, axis=0)), axis=1)


def _direction(points: NDArray[np.float64]) -> float:
    """Which winding of edges that go down is inside: by the sign of the polygon's area."""
    x, y = np.asarray(points, np.float64).T
    return -1.0 if np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0 else 1.0


def _crossings(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights at which two edges cross."""
    start, way = edges[:, :2], edges[:, 2:] - edges[:, :2]
    between = start[None, :] - start[:, None]
    turned = _cross(way[:, None], way[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        along = _cross(between, way[None, :]) / turned
        along_other = _cross(between, way[:, None]) / turned
    crosses = (turned != 0) & (along > 0) & (along < 1) & (along_other > 0) & (along_other < 1)
    first, _ = np.nonzero(crosses)
    return np.asarray(start[first, 1] + along[crosses] * way[first, 1])


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def smallest_rectangle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of all rectangles around the points, at any angle, the one of the least area.

    One of its sides lies along a side of the convex hull. Several are often equally small; which of
    them OpenCV's `minAreaRect` takes hangs on rounding, so areas are computed in float32 from the
    same corners, in the same order.

    Args:
        points: [n, 2], n at least 1.

    Returns:
        float64 [4, 2], clockwise as one sees it, from the corner nearest the top left.
    """
    hull = convex_hull(points).astype(np.float32)
    sides = np.roll(hull, -1, axis=0) - hull
    if len(hull) == 1:
        return np.repeat(hull.astype(np.float64), 4, axis=0)
    lengths = np.hypot(*sides.astype(np.float64).T)
    ways = sides * (1 / lengths).astype(np.float32)[:, None]
    # Which side of the rectangle a side of the hull lies on: bottom, right, top, left as y goes up.
    x, y = sides.T
    faces = np.select([(x > 0) & (y >= 0), (x <= 0) & (y > 0), (x < 0) & (y <= 0)], [0, 1, 2], 3)
    turn = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]], np.float32)[faces]
    # The rectangle's first axis, between right and up.
    a = ways[:, 0] * turn[:, 0] - ways[:, 1] * turn[:, 1]
    b = ways[:, 0] * turn[:, 1] + ways[:, 1] * turn[:, 0]
    best, least = -1, np.float32(np.inf)
    for i in np.argsort(np.arctan2(b, a), kind="stable").tolist():
        size = _float32_area(hull, i, int(faces[i]), a[i], b[i])
        if size <= least:
            best, least = i, size
    axes = np.array([[a[best], b[best]], [-b[best], a[best]]], np.float64)
    u, v = axes @ hull.astype(np.float64).T
    corners = [(u.min(), v.min()), (u.max(), v.min()), (u.max(), v.max()), (u.min(), v.max())]
    return _from_top_left(np.array(corners) @ axes)


def _float32_area(
    hull: NDArray[np.float32], side: int, face: int, a: np.float32, b: np.float32
) -> np.float32:
    """Of the rectangle of axis (a, b) whose given face lies along a side of the hull."""
    along, across = hull @ np.array([a, b], np.float64), hull @ np.array([-b, a], np.float64)
    touching = [across.argmin(), along.argmax(), across.argmax(), along.argmin()]
    touching[face] = np.int64((side + 1) % len(hull))
    bottom, right, top, left = hull[touching]
    (dx, dy), (ex, ey) = right - left, top - bottom
    return np.float32((dx * a + dy * b) * (ey * a - ex * b))


def _from_top_left(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (corners - corners.mean(axis=0)).T
    around = corners[np.argsort(np.arctan2(y, x))]
    return np.roll(around, -int(np.argmin(around.sum(axis=1))), axis=0)


def convex_hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of the hull, in order (Andrew's monotone chain).

    Args:
        points: [n, 2], n at least 1.
    """
    ordered = np.unique(np.asarray(points, np.float64), axis=0).tolist()
    if len(ordered) < 3:
        return np.array(ordered)
    chains = []
    for one_way in (ordered, ordered[::-1]):
        chain: list[list[float]] = []
        for x, y in one_way:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, y)) <= 0:
                chain.pop()
            chain.append([x, y])
        chains += chain[:-1]
    return np.array(chains)


def _turn(a: list[float], b: list[float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
