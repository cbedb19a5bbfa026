# SPDX-License-Identifier: Apache-2.0
"""The polygon of each region: from its mask, in the shape that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from ppocrvl.layout.contours import largest_contour, perimeter, simplified, stretched
from ppocrvl.layout.polygons import overlap, smallest_rectangle
from ppocrvl.layout.vertices import paddlex_vertices, transformers_vertices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ShapeMode: TypeAlias = Literal["auto", "rect", "quad", "poly"]
SHAPE_MODES: tuple[ShapeMode, ...] = get_args(ShapeMode)
Corners: TypeAlias = Literal["paddlex", "transformers"]

_VERTICES = {"paddlex": paddlex_vertices, "transformers": transformers_vertices}
_TOLERANCE = 0.004
"""Of an outline, as a share of its length."""
_GAP = 0.3
"""Corners that are kept lie no further apart than this share of the widest box…"""
_WIDE = 0.6
"""… or of their own, if it is wider than this share of the widest."""
_RECTANGULAR = 0.95
"""IoU of the smallest rectangle with the box from which on the box will do."""
_QUADRANGULAR = 0.8
"""IoU of the smallest rectangle with the polygon from which on the rectangle will do…"""
_CLEAR = 0.01
"""… if the region before covers no more of the box, or of itself if it is smaller."""


def outlines(
    boxes: NDArray[np.float32],
    masks: Sequence[NDArray[np.uint8]],
    page_size: tuple[int, int],
    corners: Corners,
) -> list[NDArray[np.float64] | None]:
    """The outline of what each mask has in its box; None where it has nothing there.

    Args:
        boxes: float32 [n, 4], in pixels of the page.
        masks: uint8 [rows, columns] for each, of the whole page.
        page_size: width and height in pixels.
        corners: whose rule says which corners are kept.

    Returns:
        float64 [m, 2] for each, in pixels of the page.
    """
    if len(boxes) == 0:
        return []
    # The official code takes the upper edge from the right one where it means the left one. What
    # corners are kept hangs on that, and on its float32.
    widest = (boxes[:, 2] - boxes[:, 1]).max()
    found: list[NDArray[np.float64] | None] = []
    for box, mask in zip(boxes.astype(np.int32).tolist(), masks, strict=True):
        x0, y0, x1, y1 = box
        width, height = x1 - x0, y1 - y0
        crop = _crop(mask, box, page_size) if width > 0 and height > 0 else mask[:0]
        contour = largest_contour(stretched(crop, width, height)) if crop.any() else None
        if contour is None:
            found.append(None)
            continue
        gap = float(
            width * _GAP if width > widest * np.float32(_WIDE) else widest * np.float32(_GAP)
        )
        thin = simplified(contour, _TOLERANCE * perimeter(contour))
        found.append(_VERTICES[corners](thin, gap) + np.array([x0, y0]))
    return found


def _crop(
    mask: NDArray[np.uint8], box: Sequence[int], page_size: tuple[int, int]
) -> NDArray[np.uint8]:
    """What the mask has in the box."""
    rows, columns = mask.shape
    x_scale, y_scale = columns / page_size[0], rows / page_size[1]
    x0, x1 = (min(max(round(x * x_scale), 0), columns) for x in (box[0], box[2]))
    y0, y1 = (min(max(round(y * y_scale), 0), rows) for y in (box[1], box[3]))
    return mask[y0:y1, x0:x1]


def shaped(
    boxes: NDArray[np.float32],
    found: Sequence[NDArray[np.float64] | None],
    mode: ShapeMode,
) -> list[NDArray[np.float64]]:
    """The polygon of each region.

    Args:
        boxes: float32 [n, 4], in reading order, since `auto` looks at the region before.
        found: an outline for each; None, or one of fewer than four corners, makes
            the box the polygon.
        mode: "quad": the smallest rectangle around the outline, at any angle;
            "poly": the outline; "auto": the simplest that does it justice: the box, the
            smallest rectangle, or the outline.

    Returns:
        float64 [m, 2] for each, m at least 4.
    """
    polygons: list[NDArray[np.float64]] = []
    for box, outline in zip(boxes, found, strict=True):
        rectangle = rectangle_of(box)
        if outline is None or len(outline) < 4:
            polygons.append(rectangle)
            continue
        before = polygons[-1] if polygons else None
        # As there: float32 from here on.
        polygons.append(_shape(rectangle, outline.astype(np.float32), mode, before))
    return polygons


def _shape(
    rectangle: NDArray[np.float64],
    outline: NDArray[np.float32],
    mode: ShapeMode,
    before: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    exact = outline.astype(np.float64)
    if mode == "poly":
        return exact
    quad = smallest_rectangle(exact).astype(np.float32).astype(np.float64)
    if mode == "quad":
        return quad
    if overlap(rectangle, quad).of_union >= _RECTANGULAR:
        return rectangle
    is_clear = before is None or overlap(before, rectangle).of_smaller < _CLEAR
    if is_clear and overlap(exact, quad).of_union >= _QUADRANGULAR:
        return quad
    return exact


def rectangle_of(box: NDArray[Any]) -> NDArray[np.float64]:
    """The corners of a box, clockwise from the top left."""
    x0, y0, x1, y1 = box.astype(np.int32).tolist()
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
