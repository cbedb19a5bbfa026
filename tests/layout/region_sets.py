# SPDX-License-Identifier: Apache-2.0
"""Sets of candidates for the golden data of the filters, made from seeds.

`scripts/make_layout_golden.py` runs PaddleX's own functions on them; the tests run ours. Nothing
but `random.Random.random` and integer arithmetic is used, which are the same everywhere.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ppocrvl.exporter.layout.official import LABELS
from ppocrvl.layout.candidates import Candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.layout.official import MergeMode
    from ppocrvl.layout.shapes import Corners, ShapeMode

T = TypeVar("T")

N_RANDOM = 2000
UNCLIPS: tuple[tuple[float, float] | dict[str, tuple[float, float]], ...] = (
    (1.0, 1.0),
    (1.0, 1.0),
    (1.1, 1.25),
    {"text": (1.3, 0.9)},
)
MODES: tuple[ShapeMode, ...] = ("auto", "auto", "auto", "rect", "quad", "poly")
COMMON = ("text", "text", "image", "table", "inline_formula", "chart", "doc_title", "reference")
OTHER_MODES: dict[str, MergeMode] = {"text": "small", "image": "large"}
OFFICIAL_MODES: dict[str, MergeMode] = dict.fromkeys(
    ("chart", "display_formula", "doc_title", "inline_formula", "paragraph_title"), "large"
)


@dataclass(frozen=True)
class RegionSet:
    """Candidates of a page, and with which options they are filtered."""

    candidates: Candidates
    page_size: tuple[int, int]
    version: int = 3
    mode: ShapeMode = "auto"
    corners: Corners = "paddlex"
    unclip: tuple[float, float] | dict[str, tuple[float, float]] = (1.0, 1.0)
    merge_modes: dict[str, MergeMode] = field(default_factory=dict)


class Dice:
    """Integers of a seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def roll(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def choose(self, options: Sequence[T]) -> T:
        return options[self.roll(0, len(options) - 1)]

    def odds(self, percent: int) -> bool:
        return self.roll(1, 100) <= percent


def random_set(number: int) -> RegionSet:
    """Boxes anywhere, many of them near copies of others; masks of all kinds."""
    dice = Dice(f"region set {number}")
    page = (dice.roll(60, 1600), dice.roll(60, 1600))
    boxes: list[list[int]] = []
    for _ in range(dice.roll(0, 9)):
        if boxes and dice.odds(50):
            boxes.append([v + dice.roll(-40, 40) for v in dice.choose(tuple(boxes))])
        elif dice.odds(7):
            boxes.append([dice.roll(-40, 60), dice.roll(-40, 60), *(4 * s for s in page)])
        else:
            x, y = dice.roll(-40, 4 * page[0]), dice.roll(-40, 4 * page[1])
            boxes.append([x, y, x + dice.roll(0, 3 * page[0]), y + dice.roll(0, 3 * page[1])])
    n = len(boxes)
    labels = tuple(dice.choose(COMMON if dice.odds(80) else LABELS) for _ in range(n))
    return RegionSet(
        candidates(dice, labels, boxes, page, side=40),
        page,
        version=dice.choose((3, 3, 2)),
        mode=dice.choose(MODES),
        corners=dice.choose(("paddlex", "paddlex", "transformers")),
        unclip=dice.choose(UNCLIPS),
        merge_modes=OFFICIAL_MODES if dice.odds(70) else OTHER_MODES,
    )


def candidates(
    dice: Dice, labels: tuple[str, ...], boxes: list[list[int]], page: tuple[int, int], side: int
) -> Candidates:
    """With scores and places that no two share; boxes are in quarters of a pixel."""
    n = len(labels)
    scores = [(8 * dice.roll(20, 95) + i % 8) / 800 for i in range(n)]
    distinct = [score + i / 100_000 for i, score in enumerate(scores)]
    order = sorted(range(n), key=lambda _: dice.roll(0, 1 << 30))
    masks = tuple(mask(dice, box, page, side).astype(np.uint8) for box in boxes)
    return Candidates(
        labels,
        np.array(distinct, np.float32),
        np.array(boxes, np.float32).reshape(-1, 4) / np.float32(4),
        np.array(order, np.int64),
        masks,
    )


def mask(dice: Dice, box: list[int], page: tuple[int, int], side: int) -> Any:
    """bool [side, side]: something about where the box is."""
    y, x = np.mgrid[:side, :side]
    left, top, right, bottom = (v * side // (4 * page[i % 2]) for i, v in enumerate(box))
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    kind = dice.roll(0, 9)
    width, height = max(right - left, 1), max(bottom - top, 1)
    if kind < 3:  # a parallelogram
        rise, run = dice.roll(-6, 6), dice.roll(10, 40)
        middle = 2 * (y - top) * run - height * run + 2 * (x - left) * rise - width * rise
        return (abs(middle) <= dice.roll(5, 9) * height * run // 8) & inside
    if kind == 3:  # an ellipse
        shape = ((2 * x - left - right) * height) ** 2 + ((2 * y - top - bottom) * width) ** 2
        return (shape <= (width * height) ** 2) & inside
    if kind < 7:  # a rectangle without some parts
        for _ in range(dice.roll(1, 3)):
            x0, y0 = left + dice.roll(0, width), top + dice.roll(0, height)
            w, h = dice.roll(1, max(width // 2, 1)), dice.roll(1, max(height // 2, 1))
            inside = inside & ~((x >= x0) & (x < x0 + w) & (y >= y0) & (y < y0 + h))
        return inside
    if kind == 7:  # crumbs
        size = dice.roll(1, 4)
        crumbs = np.array([[dice.odds(60) for _ in range(11)] for _ in range(13)])
        return crumbs[y // size % 13, x // size % 11] & inside
    if kind == 8:  # a stroke
        return inside & ((x - left) * dice.roll(1, 3) // 2 == y - top)
    return inside & False
