# SPDX-License-Identifier: Apache-2.0
"""From a PDF page's own axes to pixels of the page as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Sides: TypeAlias = tuple[float, float, float, float]


def to_pixels(
    boxes: npt.NDArray[np.float32], page: Sides, quarter_turns: int, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Boxes in pixels (PDF 32000-1, 8.3.2.3 and the page's entry Rotate).

    Args:
        boxes: float32 [n, 4]: left, bottom, right, top, with y upwards, in points. Those that are
            no numbers come out as zeros.
        page: left, bottom, right, top of what is shown, in the same axes.
        quarter_turns: clockwise, 0 to 3, by which the page is turned when it is shown.
        size: (width, height) in pixels of the page as shown.

    Returns:
        float64 [n, 4]: x0, y0, x1, y1, with y downwards, within the page.
    """
    left, bottom, right, top = page
    width, height = max(right - left, 1e-6), max(top - bottom, 1e-6)
    # as fractions of the page that is not turned, from its upper left corner
    sides = np.asarray(boxes, np.float64)
    x0, x1 = (sides[:, 0] - left) / width, (sides[:, 2] - left) / width
    y0, y1 = (top - sides[:, 3]) / height, (top - sides[:, 1]) / height
    turned = (
        (x0, y0, x1, y1),
        (1 - y1, x0, 1 - y0, x1),
        (1 - x1, 1 - y1, 1 - x0, 1 - y0),
        (y0, 1 - x1, y1, 1 - x0),
    )[quarter_turns]
    fractions = np.clip(np.nan_to_num(np.stack(turned, axis=1), posinf=1, neginf=0), 0, 1)
    scaled: npt.NDArray[np.float64] = fractions * np.array([*size, *size], np.float64)
    return scaled
