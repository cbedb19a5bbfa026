# SPDX-License-Identifier: Apache-2.0
"""PaddleX's last filter: of regions that cover each other, the smaller ones go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.layout.polygons import overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ppocrvl.layout.official import Pipeline

_FORMULA = "inline_formula"


def without_overlaps(
    labels: Sequence[str],
    boxes: NDArray[np.int64],
    polygons: Sequence[NDArray[np.float64]] | None,
    pipeline: Pipeline,
) -> list[int]:
    """Indices of those that stay.

    Pairs are taken in order, and what has gone drops nothing any more, so the result hangs on the
    order of the regions.

    Args:
        labels: [n].
        boxes: int64 [n, 4], in pixels.
        polygons: of each; boxes that overlap too much stay if their polygons overlap less. None
            where boxes alone count.
        pipeline: its limits.
    """
    candidates = [i for i, label in enumerate(labels) if label not in pipeline.dropped]
    shares, areas = _shares_of_smaller(boxes)
    is_small = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=2**31) < pipeline.least_side
    gone: set[int] = set()
    for place, i in enumerate(candidates):
        if is_small[i]:
            gone.add(i)
        for j in candidates[place + 1 :]:
            if i in gone:
                break
            share = shares[i, j]
            if j in gone or share <= min(pipeline.formula_overlap, pipeline.overlap):
                continue
            pair = (labels[i], labels[j])
            if _FORMULA in pair and share > pipeline.formula_overlap:
                gone.update(k for k in (i, j) if labels[k] == _FORMULA)
                continue
            if share <= pipeline.overlap or _stay_apart(pair, pipeline):
                continue
            if (
                polygons is not None
                and overlap(polygons[i], polygons[j]).of_smaller < pipeline.overlap
            ):
                continue
            gone.add(j if areas[i] >= areas[j] else i)
    return [i for i in candidates if i not in gone]


def _stay_apart(pair: tuple[str, str], pipeline: Pipeline) -> bool:
    """Whether both are kept for their classes: a seal on a text, a figure in a table."""
    classes = set(pair)
    if len(classes) == 1 or not classes & pipeline.apart:
        return False
    return "table" not in classes or classes <= pipeline.apart


def _shares_of_smaller(
    boxes: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each pair what they share by the smaller area, and the area of each."""
    upper = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    lower = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(lower - upper, 0).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / np.maximum(np.minimum(areas[:, None], areas), 1), areas
