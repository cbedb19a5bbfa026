# SPDX-License-Identifier: Apache-2.0
"""Regions drawn on their page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.images.drawing import Outline, draw_outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from ppocrvl.layout.region import Region


def drawn(image: Image.Image, regions: Sequence[Region]) -> Image.Image:
    """A copy of the page with its regions: polygons, classes, scores and the reading order.

    Args:
        image: the upright page.
        regions: of this page.

    Returns:
        A Pillow image of mode RGB.
    """
    return draw_outlines(
        image,
        [
            Outline(one.polygon, one.box, one.label, one.order + 1, f"{one.score:.2f}")
            for one in regions
        ],
    )
