# SPDX-License-Identifier: Apache-2.0
"""From a mask to the outline of its largest part, with the same points that OpenCV 4.10 gives.

PaddleX and transformers call `findContours(RETR_EXTERNAL, CHAIN_APPROX_SIMPLE)`, keep the contour
of the largest `contourArea`, and thin it out with `approxPolyDP`. Points are (x, y), and go round
counterclockwise as one sees them, since y points down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.images.components import find_components

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stretched(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The mask in another size, by the nearest pixel as OpenCV chooses it (INTER_NEAREST).

    Args:
        mask: uint8 [h, w], not empty.
        width: of the result, at least 1.
        height: likewise.
    """
    places = []
    for n_from, n_to in zip(mask.shape, (height, width), strict=True):
        step = 1 / (n_to / n_from)  # rounded twice, as there
        places.append(np.minimum(np.floor(np.arange(n_to) * step), n_from - 1).astype(np.int64))
    return np.asarray(mask[places[0]][:, places[1]])


def largest_contour(mask: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """The outer border of the component whose border encloses most; None of an empty mask.

    Pixels where the border goes straight on are left out.

    Args:
        mask: uint8 [h, w]; all but 0 is set.

    Returns:
        int64 [n, 2], beginning at the leftmost pixel of the uppermost row.
    """
    is_set = mask != 0
    runs = find_components(is_set)
    if len(runs.rows) == 0:
        return None
    framed = np.pad(is_set, 1).astype(np.uint8)
    stride = framed.shape[1]
    pixels = framed.tobytes()
    first = runs.first_runs()
    contours: list[NDArray[np.int64]] = []
    for row, column in zip(runs.rows[first].tolist(), runs.starts[first].tolist(), strict=True):
        border = np.array(_border(pixels, stride, (row + 1) * stride + column + 1), np.int64)
        contours.append(np.stack((border % stride - 1, border // stride - 1), axis=1))
    # OpenCV lists contours from the bottom up, and the first of the largest is taken.
    return max(reversed(contours), key=area)


def area(points: NDArray[np.int64]) -> float:
    """What a polygon encloses, by the shoelace formula."""
    x, y = points[:, 0], points[:, 1]
    return abs(float(np.sum(np.roll(x, 1) * y - x * np.roll(y, 1)))) / 2


def perimeter(points: NDArray[np.int64]) -> float:
    """Length of a closed polygon."""
    return float(np.hypot(*(points - np.roll(points, 1, axis=0)).T).sum())


def _border(pixels: bytes, stride: int, start: int) -> list[int]:
    """Follows the border from a pixel with nothing above it and nothing to its left.

    Suzuki and Abe, "Topological structural analysis of digitized binary images by border
    following", 1985. The mask needs a frame of unset pixels.
    """
    # Counterclockwise from the right.
    steps = (1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1)
    back = next((d for d in (3, 2, 1, 0, 7, 6, 5) if pixels[start + steps[d]]), None)
    if back is None:
        return [start]
    last = start + steps[back]
    corners = []
    here, came = start, back ^ 4
    while True:
        way = (back + 1) & 7
        while not pixels[here + steps[way]]:
            way = (way + 1) & 7
        if way != came:
            corners.append(here)
            came = way
        following = here + steps[way]
        if following == start and here == last:
            return corners
        here, back = following, way ^ 4


def simplified(points: NDArray[np.int64], tolerance: float) -> NDArray[np.int64]:
    """The closed polygon with fewer points, as `approxPolyDP` thins it out.

    Args:
        points: int64 [n, 2], n at least 1.
        tolerance: pixels by which a point that is left out may lie off the line.
    """
    limit = tolerance * tolerance
    far, start, is_dot = 0, 0, False
    for _ in range(3):  # walks to the ends of a diameter, more or less
        start = (start + far) % len(points)
        squares = np.square(np.roll(points, -start, axis=0) - points[start]).sum(axis=1)
        if squares.max() > 0:
            far = int(np.argmax(squares))
        is_dot = bool(squares.max() <= limit)
    if is_dot:
        return points[start : start + 1]
    opposite = (start + far) % len(points)
    kept = _kept(points, start, opposite, limit) + _kept(points, opposite, start, limit)
    return _without_straight_points(points[kept], limit)


def _kept(points: NDArray[np.int64], start: int, end: int, limit: float) -> list[int]:
    """Douglas and Peucker: indices of the points kept from start up to, but not with, end."""
    n = len(points)
    kept, waiting = [], [(start, end)]
    while waiting:
        start, end = waiting.pop()
        between = np.arange(start + 1, end if end > start else end + n) % n
        dx, dy = (points[end] - points[start]).tolist()
        if len(between) > 0:
            x, y = (points[between] - points[start]).T
            distances = np.abs(y * dx - x * dy)
            worst = int(np.argmax(distances))
            if float(distances[worst]) ** 2 > limit * (dx * dx + dy * dy):
                waiting += [(int(between[worst]), end), (start, int(between[worst]))]
                continue
        kept.append(start)
    return kept


def _without_straight_points(points: NDArray[np.int64], limit: float) -> NDArray[np.int64]:
    """Drops points that lie nearly on a slanting line between their neighbours."""
    left = points.tolist()
    n_left, n = len(left), len(left)
    kept: list[list[int]] = []
    start, point, i = left[-1], left[0], 0
    while i < n and n_left > 2:
        end = left[(i + 1) % n]
        dx, dy = end[0] - start[0], end[1] - start[1]
        ax, ay = point[0] - start[0], point[1] - start[1]
        ahead = ax * (end[0] - point[0]) + ay * (end[1] - point[1])
        is_near = abs(ax * dy - ay * dx) ** 2 <= 0.5 * limit * (dx * dx + dy * dy)
        if is_near and dx != 0 and dy != 0 and ahead >= 0:
            n_left -= 1
            kept.append(end)
            start, point = end, left[(i + 2) % n]
            i += 2
        else:
            kept.append(point)
            start, point = point, end
            i += 1
    return np.array((kept + left[i:])[:n_left], np.int64)
