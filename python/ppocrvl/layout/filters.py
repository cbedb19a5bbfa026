# SPDX-License-Identifier: Apache-2.0
"""PaddleX's filters before the reading order: each says which candidates stay.

Arithmetic is float32, as there, so that what lies on a limit falls to the same side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ppocrvl.layout.official import MergeMode


def above_threshold(
    labels: NDArray[np.str_], scores: NDArray[np.float32], thresholds: Mapping[str, float]
) -> NDArray[np.int64]:
    """Candidates whose score is larger than their class's threshold."""
    limits = np.array([thresholds[label] for label in labels], np.float32)
    return np.flatnonzero(scores > limits)


def suppressed(
    labels: NDArray[np.str_],
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    iou_same: float,
    iou_other: float,
) -> NDArray[np.int64]:
    """Non-maximum suppression: those that overlap no better one too much, best first.

    Boxes include their right and lower edge: they are a pixel wider and higher than elsewhere. Of
    equal scores the later one is better.

    Args:
        labels: class of each, [n].
        scores: float32 [n].
        boxes: float32 [n, 4].
        iou_same: the least IoU that is too much for boxes of one class.
        iou_other: likewise of two classes.
    """
    left = np.argsort(scores, kind="stable")[::-1]
    kept = []
    while len(left) > 0:
        best, left = left[0], left[1:]
        kept.append(best)
        limits = np.where(labels[left] == labels[best], iou_same, iou_other).astype(np.float32)
        left = left[_inclusive_iou(boxes[best], boxes[left]) < limits]
    return np.array(kept, np.int64)


def _inclusive_iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + 1
    shared = np.maximum(sides, 0).prod(axis=1)
    area, areas = (box[2:] - box[:2] + 1).prod(), (others[:, 2:] - others[:, :2] + 1).prod(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # of boxes turned inside out; they go
        return np.asarray(shared / (area + areas - shared), np.float32)


def no_large_images(
    labels: NDArray[np.str_],
    boxes: NDArray[np.float32],
    page_size: tuple[int, int],
    share: float,
) -> NDArray[np.int64]:
    """All but image regions over this share of the page; all where nothing else would be left."""
    inside = np.clip(boxes, 0, [*page_size, *page_size])
    areas = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
    is_image = labels == "image"
    is_large = is_image & (areas > share * (page_size[0] * page_size[1]))
    return np.flatnonzero(~is_large | is_large.all())


def not_contained(
    labels: NDArray[np.str_],
    boxes: NDArray[np.float32],
    modes: Mapping[str, MergeMode],
    least_share: float,
) -> NDArray[np.int64]:
    """Those that stay beside the regions that they lie in, or that lie in them.

    Args:
        labels: class of each, [n].
        boxes: float32 [n, 4].
        modes: by class; "large": what lies in a region of this class goes; "small": where a region
            of this class lies in another one, the other one goes, unless it is such a region too.
        least_share: of a region's area, from which on it lies in another.
    """
    within = _within(boxes, least_share)
    stays = np.ones(len(boxes), np.bool_)
    for label, mode in modes.items():
        is_of_class = labels == label
        if mode == "large":
            stays &= ~(within & is_of_class).any(axis=1)
        elif mode == "small":
            inner = within & is_of_class[:, None]
            stays &= ~inner.any(axis=0) | inner.any(axis=1)
    return np.flatnonzero(stays)


def _within(boxes: NDArray[np.float32], least_share: float) -> NDArray[np.bool_]:
    """Whether the first lies in the second, of each pair."""
    upper = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    lower = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(lower - upper, 0).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(areas > 0, shared / areas, 0)
    within = shares >= np.float32(least_share)
    np.fill_diagonal(within, val=False)
    return np.asarray(within)


def unclipped(
    labels: NDArray[np.str_],
    boxes: NDArray[np.float32],
    ratios: tuple[float, float] | Mapping[str, tuple[float, float]],
) -> NDArray[np.float32]:
    """Boxes with other widths and heights around the same centres.

    Args:
        labels: class of each, [n].
        boxes: float32 [n, 4].
        ratios: of width and height, for all or by class; 1 for classes that are not named.
    """
    if isinstance(ratios, tuple):
        factors = np.tile(np.array(ratios, np.float32), (len(boxes), 1))
    else:
        factors = np.array([ratios.get(label, (1, 1)) for label in labels], np.float32)
        factors = factors.reshape(-1, 2)
    sides = boxes[:, 2:] - boxes[:, :2]
    centres, halves = boxes[:, :2] + sides / 2, sides * factors / 2
    return np.concatenate((centres - halves, centres + halves), axis=1)
