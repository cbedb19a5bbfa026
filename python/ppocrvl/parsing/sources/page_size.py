# SPDX-License-Identifier: Apache-2.0
"""How many pixels a page gets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ppocrvl.parsing.sources.document_limits import MAX_PAGE_PIXELS, MAX_PAGE_SIDE
from ppocrvl.parsing.sources.source import POINTS_PER_INCH


@dataclass(frozen=True, slots=True)
class PageSize:
    """A page's size when it is rendered.

    Attributes:
        width: pixels.
        height: pixels.
        dpi: pixels per inch.
        note: one line where it is smaller than was asked for; None otherwise.
    """

    width: int
    height: int
    dpi: float
    note: str | None = None


def page_size(
    width: float, height: float, dpi: float, max_pixels: int = MAX_PAGE_PIXELS
) -> PageSize:
    """The size of a page in pixels, rounded up as pypdfium2 does it.

    Args:
        width: points, above 0 and finite.
        height: points.
        dpi: pixels per inch that were asked for.
        max_pixels: limit on width * height in pixels.
    """
    scale = dpi / POINTS_PER_INCH
    most = min(
        math.sqrt(max_pixels) / math.sqrt(width) / math.sqrt(height),
        MAX_PAGE_SIDE / max(width, height),
    )
    if scale <= most:
        size = _rounded_up(width * scale), _rounded_up(height * scale)
        if size[0] * size[1] <= max_pixels and max(size) <= MAX_PAGE_SIDE:
            return PageSize(*size, dpi)
    scale = min(scale, most)
    fitting = max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
    used = scale * POINTS_PER_INCH
    note = (
        f"rendered at {used:.4g} dpi instead of {dpi:g}: "
        f"the page is {width:.6g} x {height:.6g} points"
    )
    return PageSize(*fitting, used, note)


def _rounded_up(pixels: float) -> int:
    return max(1, math.ceil(pixels))
