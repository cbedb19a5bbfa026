# SPDX-License-Identifier: Apache-2.0
"""A rendered page, turned so that it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.parsing.orientation import page_rotation, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.parsing.parts import RenderedPage


@dataclass(frozen=True, slots=True, eq=False)
class TurnedPage:
    """A page that was turned after it was rendered, as a `RenderedPage`."""

    pixels: npt.NDArray[np.uint8]
    dpi: float
    rotation: int
    notes: Sequence[str]


def upright(page: RenderedPage) -> RenderedPage:
    """The page as it is, or turned by a multiple of 90 degrees, which its rotation includes."""
    rotation = page_rotation(page.pixels)
    if not rotation:
        return page
    return TurnedPage(
        pixels=turned(page.pixels, rotation),
        dpi=page.dpi,
        rotation=(page.rotation + rotation) % 360,
        notes=(*page.notes, f"turned by {rotation} degrees to stand upright"),
    )
