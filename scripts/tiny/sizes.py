# SPDX-License-Identifier: Apache-2.0
"""How large the processor makes a picture."""

from __future__ import annotations

CELL = 28  # pixels of one image token: patch 14, merge 2
MIN_CELLS = 112  # smaller pictures are enlarged, as the official 1.6 model's are (to 144 cells)
MAX_CELLS = 640  # larger ones are reduced: eight lines of a scan at 300 dpi take 1,000 as they are


def smart_resize(
    height: int,
    width: int,
    least: int = MIN_CELLS * CELL * CELL,
    most: int = MAX_CELLS * CELL * CELL,
) -> tuple[int, int]:
    """The (height, width) that the processor stretches a picture to: multiples of 28 in limits.

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    h, w = float(height), float(width)
    if h < CELL:
        h, w = CELL, float(round(w * CELL / h))
    if w < CELL:
        h, w = float(round(h * CELL / w)), CELL
    if max(h, w) / min(h, w) > 200:
        raise ValueError(
            f"{width} x {height} pixels cannot be read: the sides differ by more than 200:1"
        )
    hb, wb = round(h / CELL) * CELL, round(w / CELL) * CELL
    if hb * wb > most:
        beta = (h * w / most) ** 0.5
        hb, wb = (max(CELL, int(v / beta // CELL) * CELL) for v in (h, w))
    elif hb * wb < least:
        beta = (least / (h * w)) ** 0.5
        hb, wb = (-int(-v * beta // CELL) * CELL for v in (h, w))
    return hb, wb
