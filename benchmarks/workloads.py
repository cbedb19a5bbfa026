# SPDX-License-Identifier: Apache-2.0
"""What is read: the same pictures and token counts for every program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from ppocrvl.images.resize import smart_resize

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["read", "start", "decode", "endure"]
Size = tuple[int, int]

LINE = (1140, 140)
PAGE = (1000, 1400)
SMALL = (336, 28)
# Lines, paragraphs, a table and a formula of a page.
CROPS: tuple[Size, ...] = (
    *((1092, 112), (532, 308), (840, 56), (1120, 224)),
    *((392, 392), (1092, 84), (672, 168), (560, 28)),
)
MIN_PIXELS, MAX_PIXELS = 784, 1_003_520
PIXELS_PER_TOKEN = 28 * 28


@dataclass(frozen=True)
class Workload:
    """Pictures and how much is read of each.

    Attributes:
        name: a letter.
        title: in the tables.
        sizes: width and height of each picture.
        tokens: generated for each, neither more nor less.
        kind: "read" after a warm-up; "start" from the start of the process; "decode" without
            pictures; "endure" many requests in one process.
        context: tokens of a slot, in programs that divide their cache.
    """

    name: str
    title: str
    sizes: tuple[Size, ...]
    tokens: int
    kind: Kind = "read"
    context: int = 1024


WORKLOADS = {
    one.name: one
    for one in (
        Workload("a", "one crop of 1140 x 140, 64 tokens", (LINE,), 64),
        Workload("b", "16 mixed crops, 64 tokens each", CROPS * 2, 64),
        Workload("c", "one page of 1000 x 1400, 256 tokens", (PAGE,), 256, context=2048),
        Workload("d", "64 small crops of 336 x 28, 16 tokens each", (SMALL,) * 64, 16),
        Workload("e", "from the start of the process to the first token", (LINE,) * 2, 1, "start"),
        Workload(
            "f", "2,000 requests in one process, built-in model", (SMALL,) * 2000, 4, "endure"
        ),
        Workload("g", "decoding alone, 128 tokens a sequence", (), 128, "decode"),
    )
}


def image_tokens(size: Size) -> int:
    """How many tokens the model makes of a picture of (width, height)."""
    width, height = size
    high, wide = smart_resize(height, width, min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)
    return wide * high // PIXELS_PER_TOKEN


def make_pictures(workload: Workload, folder: Path) -> list[Path]:
    """PNG files of noise, no two alike, made where they are missing; the first is the warm-up."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, (width, height) in enumerate((SMALL, *workload.sizes)):
        path = folder / f"{workload.name}-{number}-{width}x{height}.png"
        if not path.exists():
            random = np.random.default_rng([ord(workload.name), number])
            pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
            aside = path.with_suffix(".part")
            Image.fromarray(pixels).save(aside, format="PNG")
            aside.rename(path)
        found.append(path)
    return found
