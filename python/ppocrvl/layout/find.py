# SPDX-License-Identifier: Apache-2.0
"""From a model's candidates to the regions of a page, as PaddleX 3.7.2 goes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.layout.filters import (
    above_threshold,
    no_large_images,
    not_contained,
    suppressed,
    unclipped,
)
from ppocrvl.layout.overlaps import without_overlaps
from ppocrvl.layout.region import Region
from ppocrvl.layout.shapes import outlines, rectangle_of, shaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ppocrvl.layout.candidates import Candidates
    from ppocrvl.layout.official import Pipeline
    from ppocrvl.layout.shapes import Corners, ShapeMode


@dataclass(frozen=True, slots=True)
class Found:
    """Regions in reading order, and where they come from.

    Attributes:
        indices: of the candidate of each.
        boxes: int64 [n, 4], on the page.
        polygons: float64 [m, 2] of each.
    """

    indices: NDArray[np.int64]
    boxes: NDArray[np.int64]
    polygons: tuple[NDArray[np.float64], ...]

    def take(self, chosen: list[int]) -> Found:
        """Some of them."""
        return Found(
            self.indices[chosen], self.boxes[chosen], tuple(self.polygons[i] for i in chosen)
        )


def find_regions(
    candidates: Candidates,
    page_size: tuple[int, int],
    thresholds: Mapping[str, float],
    pipeline: Pipeline,
    mode: ShapeMode = "auto",
) -> list[Region]:
    """The regions of a page in reading order.

    Args:
        candidates: what the model says.
        page_size: width and height in pixels.
        thresholds: by class.
        pipeline: all other limits.
        mode: shape of the polygons; "rect" where the model has no masks.
    """
    found = filtered(candidates, page_size, thresholds, pipeline, mode)
    labels = [candidates.labels[i] for i in found.indices]
    polygons = found.polygons if mode != "rect" and candidates.masks is not None else None
    found = found.take(without_overlaps(labels, found.boxes, polygons, pipeline))
    return [
        Region(
            label=candidates.labels[index],
            score=float(candidates.scores[index]),
            box=(int(box[0]), int(box[1]), int(box[2]), int(box[3])),
            polygon=tuple((float(x), float(y)) for x, y in polygon),
            order=order,
        )
        for order, (index, box, polygon) in enumerate(
            zip(found.indices, found.boxes, found.polygons, strict=True)
        )
    ]


def filtered(
    candidates: Candidates,
    page_size: tuple[int, int],
    thresholds: Mapping[str, float],
    pipeline: Pipeline,
    mode: ShapeMode,
) -> Found:
    """All filters but that of overlaps; arguments as of `find_regions`."""
    kept = np.arange(len(candidates))
    labels = np.array(candidates.labels, np.str_)
    boxes = np.round(candidates.boxes)
    kept = kept[above_threshold(labels[kept], candidates.scores[kept], thresholds)]
    ious = pipeline.nms_same, pipeline.nms_other
    kept = kept[suppressed(labels[kept], candidates.scores[kept], boxes[kept], *ious)]
    if len(kept) > 1:
        is_wide = page_size[0] > page_size[1]
        share = pipeline.large_image_wide if is_wide else pipeline.large_image_high
        kept = kept[no_large_images(labels[kept], boxes[kept], page_size, share)]
    kept = kept[not_contained(labels[kept], boxes[kept], pipeline.merge_modes, pipeline.contained)]
    kept = kept[np.argsort(candidates.order[kept], kind="stable")]
    wide = unclipped(labels[kept], boxes[kept], pipeline.unclip)
    on_page = np.clip(wide, 0, [*page_size, *page_size]).astype(np.int64)
    if candidates.masks is None or mode == "rect":
        polygons = [rectangle_of(box) for box in on_page]
    else:
        masks = [candidates.masks[i] for i in kept]
        raw = candidates.boxes[kept]
        found = _polygons(raw, boxes[kept], masks, page_size, pipeline.corners)
        polygons = shaped(boxes[kept], found, mode)
    has_area = np.flatnonzero((on_page[:, 2:] > on_page[:, :2]).all(axis=1)).tolist()
    return Found(kept, on_page, tuple(polygons)).take(has_area)


def _polygons(
    raw: NDArray[np.float32],
    rounded: NDArray[np.float32],
    masks: list[NDArray[np.uint8]],
    page_size: tuple[int, int],
    corners: Corners,
) -> list[NDArray[np.float64] | None]:
    """Outlines by the rule of either."""
    if corners == "paddlex":
        return outlines(rounded, masks, page_size, corners)
    # transformers makes outlines before PaddleX rounds the boxes, and rectangles of the same boxes.
    return [
        rectangle_of(box) if outline is None or len(outline) < 4 else outline
        for box, outline in zip(raw, outlines(raw, masks, page_size, corners), strict=True)
    ]
