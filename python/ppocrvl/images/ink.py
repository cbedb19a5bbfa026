# SPDX-License-Identifier: Apache-2.0
"""Which pixels of a page are ink: those unlike the paper around them, dark or light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE = 32
"""Pixels; within a tile the paper has one shade."""
PAPER_SHARE = 75
"""Percentile of a tile's shades that is paper: text covers less than a quarter of it."""
CONTRAST = 40
"""Shades of 255 by which ink differs from paper: more than the noise of a scan."""


def ink_mask(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where there is ink.

    The paper's shade is estimated for each tile and interpolated between them, so that shadows and
    tinted boxes count as paper, and white letters on a dark bar as ink.

    Args:
        pixels: uint8 [h, w, 3], RGB, or [h, w], grey.

    Returns:
        bool [h, w].
    """
    grey = _grey(pixels)
    height, width = grey.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    margin = ((0, rows * TILE - height), (0, columns * TILE - width))
    padded = np.pad(grey, margin, mode="symmetric")
    tiles = padded.reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)
    flat = tiles.reshape(rows, columns, TILE * TILE)
    place = TILE * TILE * PAPER_SHARE // 100
    paper = np.partition(flat, place, axis=2)[:, :, place]
    shades = Image.fromarray(np.ascontiguousarray(paper))
    spread = shades.resize((columns * TILE, rows * TILE), Image.Resampling.BILINEAR)
    smooth = np.asarray(spread)[:height, :width]
    return np.asarray(np.abs(grey.astype(np.int16) - smooth) > CONTRAST)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 2:
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))
