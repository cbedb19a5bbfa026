# SPDX-License-Identifier: Apache-2.0
"""Which blocks of text are read as one: a paragraph that goes on beside or under a figure.

The rules and their numbers are those of `merge_blocks` in PaddleX 3.7.2
(paddleocr_vl/uilts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from ppocrvl.document.types import Box

Align: TypeAlias = Literal["left", "center", "right"]

_SAME_EDGE = 5
"""Pixels that edges may differ and count as aligned."""
_WIDEST_GAP = 0.3
"""Of the wider block, between blocks side by side."""
_HIGHEST_GAP = 0.5
"""Of the taller block, between blocks one under the other."""
_TOO_TALL = 3
"""Height of the stacked picture over its width from which on its parts are read apart."""


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that are read as one.

    Attributes:
        members: their places in the list, in reading order.
        aligns: how each after the first is placed under those before it.
    """

    members: tuple[int, ...]
    aligns: tuple[Align, ...] = ()


def merge_blocks(
    boxes: Sequence[Box], labels: Sequence[str], apart: AbstractSet[str]
) -> list[Group]:
    """Groups of blocks in a new reading order; every block is in one of them.

    Blocks that stand between the members of a group follow it.

    Args:
        boxes: of the blocks in reading order.
        labels: of the blocks.
        apart: labels that are never merged, and that separate text.
    """
    groups: list[Group] = []
    end = 0
    for group in _linked(boxes, labels, apart):
        first, last = group.members[0], group.members[-1]
        between = [i for i in range(first, last) if i not in group.members]
        groups += map(_alone, range(end, first))
        groups += [group] if _is_low(group, boxes) else map(_alone, group.members)
        groups += map(_alone, between)
        end = last + 1
    return [*groups, *map(_alone, range(end, len(boxes)))]


def _alone(block: int) -> Group:
    return Group((block,))


def _linked(boxes: Sequence[Box], labels: Sequence[str], apart: AbstractSet[str]) -> list[Group]:
    groups: list[Group] = []
    before: int | None = None
    for i in (i for i, label in enumerate(labels) if label not in apart):
        align = None
        if before is not None and labels[before] == labels[i] == "text":
            align = _side_by_side(boxes[before], boxes[i]) or _stacked(
                before, i, boxes, labels, apart
            )
        if align is None:
            groups.append(Group((i,)))
        else:
            last = groups[-1]
            groups[-1] = Group((*last.members, i), (*last.aligns, align))
        before = i
    return groups


def _side_by_side(before: Box, box: Box) -> Align | None:
    """In the next column, not wholly below, and near."""
    gap = box[0] - before[2]
    widest = max(before[2] - before[0], box[2] - box[0])
    beside = gap > 0 and box[1] < before[3] and gap < widest * _WIDEST_GAP
    return "center" if beside else None


def _stacked(
    before: int, i: int, boxes: Sequence[Box], labels: Sequence[str], apart: AbstractSet[str]
) -> Align | None:
    """One under the other around something else: only one of the sides is aligned."""
    upper, lower = boxes[before], boxes[i]
    tallest = max(upper[3] - upper[1], lower[3] - lower[1])
    left = abs(lower[0] - upper[0]) <= _SAME_EDGE
    right = abs(lower[2] - upper[2]) <= _SAME_EDGE
    if (
        min(upper[2], lower[2]) <= max(upper[0], lower[0])
        or abs(lower[1] - upper[3]) >= tallest * _HIGHEST_GAP
        or left == right
        or not any(
            _overlap(_union(upper, lower), box)
            for box, label in zip(boxes, labels, strict=True)
            if label in apart
        )
    ):
        return None
    return "left" if left else "right"


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _is_low(group: Group, boxes: Sequence[Box]) -> bool:
    width = max(boxes[i][2] - boxes[i][0] for i in group.members)
    height = sum(boxes[i][3] - boxes[i][1] for i in group.members)
    return height < _TOO_TALL * width
