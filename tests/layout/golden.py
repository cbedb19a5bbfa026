# SPDX-License-Identifier: Apache-2.0
"""The golden data of the filters: written by scripts/make_layout_golden.py, read by the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.layout.region_sets import OFFICIAL_MODES, Dice, RegionSet, candidates

from ppocrvl.exporter.layout.official import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FILE = Path(__file__).parent / "golden.npz"
PARTS = 16
"""Coordinates are kept in this part of a pixel."""


@dataclass(frozen=True)
class Answer:
    """What PaddleX makes of a set.

    Attributes:
        indices: of the candidates that are left, in order.
        boxes: int [n, 4].
        polygons: [m, 2] of each.
        error: the class of what it raised instead; "" where it raised nothing.
    """

    indices: list[int]
    boxes: NDArray[np.int64]
    polygons: list[NDArray[np.float64]]
    error: str = ""


def packed_answers(answers: Sequence[Answer]) -> dict[str, NDArray[Any]]:
    """As few arrays of small integers."""
    boxes = [a.boxes.reshape(-1, 4) for a in answers]
    polygons = [p for a in answers for p in a.polygons]
    corners = np.concatenate([np.rint(p * PARTS).astype(np.int32).reshape(-1, 2) for p in polygons])
    return {
        "counts": np.array([len(a.indices) for a in answers], np.uint8),
        "errors": np.array([a.error for a in answers], "U24"),
        "indices": np.array([i for a in answers for i in a.indices], np.uint8),
        "boxes": np.concatenate(boxes).astype(np.int16),
        "corner_counts": np.array([len(p) for p in polygons], np.uint16),
        "corners": _differences(corners),
    }


def unpacked_answers(data: dict[str, NDArray[Any]]) -> list[Answer]:
    """The answers again; coordinates are within a 32nd of a pixel."""
    corners = np.cumsum(data["corners"].astype(np.int64), axis=0) / PARTS
    polygons = np.split(corners, np.cumsum(data["corner_counts"].astype(np.int64))[:-1])
    answers, at = [], 0
    for count, error in zip(data["counts"].tolist(), data["errors"].tolist(), strict=True):
        part = slice(at, at + count)
        boxes = data["boxes"][part].astype(np.int64)
        answers.append(Answer(data["indices"][part].tolist(), boxes, polygons[part], error))
        at += count
    return answers


def _differences(corners: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.diff(corners, axis=0, prepend=np.zeros((1, 2), np.int32))


def packed_pages(pages: Sequence[tuple[tuple[int, int], list[str], NDArray[np.int64]]]) -> Any:
    """Page size, classes and boxes in quarters of a pixel, of each page."""
    return {
        "page_sizes": np.array([size for size, _, _ in pages], np.uint16),
        "page_counts": np.array([len(labels) for _, labels, _ in pages], np.uint16),
        "page_labels": np.array(
            [LABELS.index(x) for _, labels, _ in pages for x in labels], np.uint8
        ),
        "page_boxes": np.concatenate([boxes for _, _, boxes in pages]).astype(np.int16),
    }


def unpacked_pages(data: dict[str, NDArray[Any]], n: int | None = None) -> list[RegionSet]:
    """Regions of painted pages, as a model might give them: of the first n, or all."""
    sets, at = [], 0
    for number, (size, count) in enumerate(
        zip(data["page_sizes"].tolist()[:n], data["page_counts"].tolist()[:n], strict=True)
    ):
        part = slice(at, at + count)
        labels = tuple(LABELS[i] for i in data["page_labels"][part])
        dice = Dice(f"page {number}")
        found = candidates(dice, labels, data["page_boxes"][part].tolist(), tuple(size), side=200)
        sets.append(RegionSet(found, tuple(size), merge_modes=OFFICIAL_MODES))
        at += count
    return sets
