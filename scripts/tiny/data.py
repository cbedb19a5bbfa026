# SPDX-License-Identifier: Apache-2.0
"""Batches of equally large pictures with all the targets."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tiny import fonts, render, tokenizer
from tiny.render import CELL, Frame, Sample, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROMPT = {"line": "OCR:", "block": "OCR:", "table": "Table Recognition:"}
# Shares of the training after which longer lines, then blocks and tables come in.
STAGE_LINES, STAGE_ALL = 0.08, 0.28
CROWD = 2  # small text is the hardest to read, so training sees more of it


@dataclass
class Batch:
    """Pictures of one size with their token targets; text is padded on the right with ``</s>``."""

    kind: str
    rows: int
    cols: int
    pixels: NDArray[np.uint8]  # [B, H, W, 3]
    ids: NDArray[np.int64]  # [B, T] output tokens
    cells: NDArray[np.int64]  # [B, T]
    slots: NDArray[np.int64]  # [B, T]
    lengths: NDArray[np.int64]  # [B] tokens before the padding
    marks: render.Marks  # of all pictures, places counted through the batch
    readers: int  # this many of the B pictures are for the decoder, all are for the encoder


def collate(kind: str, samples: list[Sample]) -> Batch:
    """Stack samples of one size."""
    rows, cols = (side // CELL for side in samples[0].pixels.shape[:2])
    lengths = np.array([len(s.tokens) for s in samples], np.int64)
    shape = (len(samples), int(lengths.max()))
    ids = np.full(shape, tokenizer.EOS, np.int64)
    cells, slots = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for i, s in enumerate(samples):
        n = len(s.tokens)
        ids[i, :n] = [tokenizer.unit_id(t) for t in s.tokens]
        cells[i, :n] = s.cells
        slots[i, :n] = s.slots
    step = rows * cols * render.SLOTS
    marks = render.Marks(
        np.concatenate([s.marks.places + step * i for i, s in enumerate(samples)]),
        np.concatenate([s.marks.classes for s in samples]),
        np.concatenate([s.marks.weights for s in samples]),
    )
    pixels = np.stack([s.pixels for s in samples])
    return Batch(kind, rows, cols, pixels, ids, cells, slots, lengths, marks, len(samples))


def size_of(rng: random.Random, kind: str, progress: float) -> tuple[int, int]:
    """A random number of cell rows and columns for pictures of ``kind``, before enlargement."""
    if kind == "line":
        if progress < STAGE_LINES:
            return 1, rng.randint(3, 9)
        return (1 if rng.random() < 0.82 else 2), min(36, int(1.5 + rng.expovariate(1 / 10.0)))
    if kind == "block":
        return min(rng.randint(2, 7), rng.randint(2, 7)), rng.randint(5, 18)
    return rng.randint(2, 6), rng.randint(6, 18)


def page(
    src: Source, kind: str, frame: Frame, *, progress: float = 1.0, crowd: int = 1
) -> render.Page:
    """A drawn page of ``kind``.

    The more ``crowd``, the more lines or table rows there are, and the smaller is their text.
    """
    if kind == "line":
        return render.line(src, frame, (18, 28) if progress < STAGE_LINES else (14, 32))
    return (render.block if kind == "block" else render.table)(src, frame, crowd=crowd)


def draw(
    src: Source,
    noise: np.random.Generator,
    kind: str,
    size: tuple[int, int],
    *,
    progress: float = 1.0,
    crowd: int = 1,
) -> Sample:
    """A finished sample of some ``size`` (rows, columns) cells; other arguments as for ``page``.

    All samples of one size have the same number of pixels.
    """
    frame = Frame.of(*size)
    drawn = page(src, kind, frame, progress=progress, crowd=crowd)
    return render.finish(src, noise, drawn, frame.grid)


class Stream:
    """An endless series of training batches for one process.

    All processes draw the same kinds and sizes (``seed``), so that they take equally long, but
    different contents.
    """

    def __init__(self, seed: int, rank: int, budget: int) -> None:
        self._shape = random.Random(seed)
        self._rng = random.Random(seed * 64 + rank + 1)
        self._noise = np.random.default_rng(seed * 64 + rank + 1)
        self._budget = budget

    def next(self, progress: float) -> Batch:
        """A batch of a kind that suits the progress (0..1), ``budget`` cells of it to be read.

        The encoder learns more slowly and costs less than the decoder, so at first it gets
        more pictures.
        """
        kind = "line"
        if progress >= STAGE_ALL:
            kind = self._shape.choices(("line", "block", "table"), (36, 12, 52))[0]
        size = size_of(self._shape, kind, progress)
        readers = max(2, min(64, round(self._budget / (math.prod(Frame.of(*size).grid) + 4))))
        extra = min(1.0, max(0.3, (0.65 - progress) / 0.2))
        paths = fonts.first_fonts() if progress < STAGE_LINES else fonts.train_fonts()
        src = Source(paths, self._rng)
        count = readers + round(readers * extra)
        samples = [
            draw(src, self._noise, kind, size, progress=progress, crowd=CROWD) for _ in range(count)
        ]
        return replace(collate(kind, samples), readers=readers)
