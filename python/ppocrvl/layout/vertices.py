# SPDX-License-Identifier: Apache-2.0
"""Which corners of a mask's outline become those of a region: two official rules.

PaddleX 3.7.2 (layout_analysis/processors.py) keeps a concave corner where it belongs to a longer
bay, and fills long gaps with corners that were dropped. transformers (image_processing_pp_doc...)
keeps convex corners alone. Both move a corner of 45 degrees inwards. Outlines go round
counterclockwise as one sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHARP_DEGREES = 45.0
_SHARP_SLACK = 1.0
_BAY_DEGREES = 120.0


@dataclass(frozen=True, slots=True)
class _Corners:
    """Of each corner: whether it is convex, its angle in degrees, the ways to its neighbours."""

    is_convex: NDArray[np.bool_]
    angles: NDArray[np.float64]
    back: NDArray[np.float64]
    ahead: NDArray[np.float64]


def paddlex_vertices(outline: NDArray[np.int64], gap: float) -> NDArray[np.float64]:
    """The corners that PaddleX keeps.

    Args:
        outline: int64 [n, 2].
        gap: in pixels, more than 0; where corners that are kept lie further apart, some of those
            between them are kept too.

    Returns:
        float64 [m, 2]; m may be 0.
    """
    corners = _corners(outline)
    in_bay = _bays(corners.is_convex) & (corners.angles >= _BAY_DEGREES)
    kept = np.flatnonzero(corners.is_convex | in_bay).tolist()
    n = len(outline)
    all_kept = set(kept)
    for here, there in zip(kept, kept[1:] + kept[:1], strict=True):
        distance = float(np.linalg.norm(outline[here] - outline[there]))
        if distance > gap:
            between = [i % n for i in range(here + 1, there if there > here else there + n)]
            all_kept.update(_some(between, int(np.ceil(distance / gap)) - 1))
    return _sharp_ones_moved(outline, corners, sorted(all_kept))


def transformers_vertices(outline: NDArray[np.int64], gap: float) -> NDArray[np.float64]:  # noqa: ARG001 - one type for both rules
    """The corners that transformers' image processor keeps; arguments as of `paddlex_vertices`."""
    corners = _corners(outline)
    return _sharp_ones_moved(outline, corners, np.flatnonzero(corners.is_convex).tolist())


def _corners(outline: NDArray[np.int64]) -> _Corners:
    back = (np.roll(outline, 1, axis=0) - outline).astype(np.float64)
    ahead = (np.roll(outline, -1, axis=0) - outline).astype(np.float64)
    turn = ahead[:, 0] * back[:, 1] - ahead[:, 1] * back[:, 0]
    with np.errstate(invalid="ignore"):  # a single point has no angle
        units = _unit(back) * _unit(ahead)
    angles = np.degrees(np.arccos(np.clip(units.sum(axis=1), -1, 1)))
    return _Corners(turn < 0, angles, back, ahead)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _bays(is_convex: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Concave corners with a concave neighbour, the outline cut open at its first corner.

    If both the first and the last are concave, there are none unless both have such a neighbour.
    """
    concave = np.concatenate(([False], ~is_convex, [False]))
    bays = concave[1:-1] & (concave[:-2] | concave[2:])
    if len(bays) > 1 and concave[1] and concave[-2] and not (bays[0] and bays[-1]):
        return np.zeros_like(bays)
    return bays


def _some(indices: list[int], count: int) -> list[int]:
    """At most so many of them, evenly spread from the first on."""
    if len(indices) <= count:
        return indices
    step = len(indices) / max(count, 1)
    return [indices[int(i * step)] for i in range(count)]


def _sharp_ones_moved(
    outline: NDArray[np.int64], corners: _Corners, kept: list[int]
) -> NDArray[np.float64]:
    points = outline[kept].astype(np.float64)
    for place, i in enumerate(kept):
        if corners.is_convex[i] and abs(corners.angles[i] - _SHARP_DEGREES) < _SHARP_SLACK:
            back, ahead = corners.back[i], corners.ahead[i]
            way = _unit(_unit(back) + _unit(ahead))
            points[place] += way * (np.linalg.norm(back) + np.linalg.norm(ahead)) / 2
    return points
