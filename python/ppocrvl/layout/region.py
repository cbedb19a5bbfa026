# SPDX-License-Identifier: Apache-2.0
"""What a layout model finds on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[int, int, int, int]
Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A region of a page, with its class and its position in the reading order.

    Attributes:
        label: its class, one of the 25 of PP-DocLayout, such as "text" or "table".
        score: the model's confidence in the class, 0 to 1.
        box: (x0, y0, x1, y1) in pixels of the upright page, x1 and y1 exclusive.
        polygon: its outline in the same pixels, at least four points; the corners of the box if the
            region is a rectangle.
        order: position in the reading order of its page, from 0.
    """

    label: str
    score: float
    box: Box
    polygon: Polygon
    order: int

    @classmethod
    def of_box(cls, label: str, score: float, box: Box, order: int) -> Region:
        """Make a region whose polygon is its box."""
        x0, y0, x1, y1 = map(float, box)
        return cls(label, score, box, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), order)
