# SPDX-License-Identifier: Apache-2.0
"""A picture as the network gets it, and all that training tells about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tiny.alphabet import BLANK
from tiny.render import UNPLACED
from tiny.sizes import CELL, smart_resize
from tiny.wear import moved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiny.render import Page, Unit
    from tiny.tokenizer import Vocabulary
    from tiny.wear import Matrix

SUB_ROWS, SUB_COLS = 3, 7  # the dense head's grid inside a cell: one character at most in each
SLOTS = SUB_ROWS * SUB_COLS
NOWHERE = -1  # the cell of a token that is read from no place of its own


@dataclass
class Marks:
    """Soft targets of the dense head: ``weights`` of ``classes`` at places (cell*SLOTS + slot)."""

    places: NDArray[np.int64]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass
class Sample:
    """A picture with its targets, all of one token each."""

    prompt: str
    pixels: NDArray[np.uint8]  # [rows*28, cols*28, 3]
    rows: int
    cols: int
    text: str
    ids: NDArray[np.int64]  # [T]
    cells: NDArray[np.int64]  # [T] image token that a token's first character is read from
    ends: NDArray[np.int64]  # [T] and its last one; NOWHERE for both where nobody knows
    slots: NDArray[np.int64]  # [T] place of the first character inside its cell, 0..SLOTS-1
    marks: Marks
    font: str
    size: int


def finish(
    page: Page, picture: Image.Image, matrix: Matrix, vocabulary: Vocabulary, prompt: str
) -> Sample:
    """The targets of ``picture`` (RGB), which shows ``page`` with its points moved by ``matrix``.

    The picture is stretched to whole cells exactly as the processor stretches a user's picture, so
    the network sees what it will meet.
    """
    h, w = smart_resize(picture.height, picture.width)
    rows, cols = h // CELL, w // CELL
    pixels = np.asarray(picture.resize((w, h), Image.Resampling.BICUBIC))
    scale = (w / picture.width, h / picture.height)
    x, y = _places(page.units, matrix, scale, (w, h))
    cells = (y // CELL).astype(np.int64) * cols + (x // CELL).astype(np.int64)
    slots = ((y % CELL) * (SUB_ROWS / CELL)).astype(np.int64) * SUB_COLS + (
        (x % CELL) * (SUB_COLS / CELL)
    ).astype(np.int64)
    units = page.units
    cells[[i for i, u in enumerate(units) if u.x == UNPLACED]] = NOWHERE
    said = [vocabulary.told(u.text) for u in units]
    tokens = vocabulary.segment(said)
    # A piece that begins with a space is read from the letter after it.
    spaced = [one.isspace() for one in said]
    first = [a + 1 if b > a and spaced[a] else a for _, a, b in tokens]
    last = [b for _, _, b in tokens]
    seen = units if page.seen is None else page.seen
    marks = _marks(seen, *_places(seen, matrix, scale, (w, h)), rows, cols)
    return Sample(
        prompt,
        pixels,
        rows,
        cols,
        "".join(said[:-1]),
        np.array([i for i, _, _ in tokens], np.int64),
        cells[first],
        cells[last],
        slots[first],
        marks,
        page.font,
        page.size,
    )


def _places(
    units: list[Unit], matrix: Matrix, scale: tuple[float, float], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where units are in the stretched picture, in pixels inside it."""
    x, y = moved(matrix, np.array([u.x for u in units]), np.array([u.y for u in units]))
    return np.clip(x * scale[0], 0, size[0] - 0.5), np.clip(y * scale[1], 0, size[1] - 0.5)


def _marks(
    units: list[Unit], x: NDArray[np.float64], y: NDArray[np.float64], rows: int, cols: int
) -> Marks:
    """Share every visible unit among the four places around its point, by distance."""
    classes = np.array([u.dense for u in units], np.int64)
    keep = classes != BLANK
    gx, gy = x[keep] * (SUB_COLS / CELL) - 0.5, y[keep] * (SUB_ROWS / CELL) - 0.5
    left, up = np.floor(gx), np.floor(gy)
    places, weights = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            col = np.clip(left + dx, 0, cols * SUB_COLS - 1).astype(np.int64)
            row = np.clip(up + dy, 0, rows * SUB_ROWS - 1).astype(np.int64)
            cell = row // SUB_ROWS * cols + col // SUB_COLS
            places.append(cell * SLOTS + row % SUB_ROWS * SUB_COLS + col % SUB_COLS)
            weights.append((1 - abs(gx - left - dx)) * (1 - abs(gy - up - dy)))
    found = np.concatenate(weights).astype(np.float32)
    return Marks(np.concatenate(places), np.tile(classes[keep], 4), found)
