# SPDX-License-Identifier: Apache-2.0
"""A page with its blocks drawn on it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from ppocrvl.images.drawing import Outline, draw_outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block


def drawn_page(image: bytes, size: tuple[int, int], blocks: Sequence[Block]) -> bytes:
    """A page's picture with its blocks on it: polygons, classes and the reading order.

    Args:
        image: the page as a file.
        size: (width, height) that the blocks' places refer to.
        blocks: of the page, in any order.

    Returns:
        A JPEG file.
    """
    with Image.open(BytesIO(image)) as page:
        whole = page if page.size == size else page.resize(size)
        drawn = draw_outlines(whole, [_outline(block) for block in blocks])
    out = BytesIO()
    drawn.save(out, "JPEG", quality=85)
    return out.getvalue()


def _outline(block: Block) -> Outline:
    x0, y0, x1, y1 = block.box
    corners = block.polygon or ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return Outline(corners, block.box, block.label, block.index + 1)
