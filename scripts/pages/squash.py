# SPDX-License-Identifier: Apache-2.0
"""From a page to the square that the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageOps

if TYPE_CHECKING:
    import random

    from pages.sheet import Box, Colour

SMOOTH = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
LEAST_LEFT = 0.6  # of a region that a cut page keeps; less is no longer told


def squash(image: Image.Image, size: int) -> Image.Image:
    """As the official pipeline: cubic, not antialiased; but halved first while twice as large."""
    while min(image.size) >= 2 * size:
        image = image.reduce(2)
    scale = (image.width / size, 0, 0, 0, image.height / size, 0)
    return image.transform((size, size), Image.Transform.AFFINE, scale, Image.Resampling.BICUBIC)


def squash_anyhow(rng: random.Random, image: Image.Image, size: int) -> Image.Image:
    """With one of the filters that pages may come through."""
    if rng.random() < 0.4:
        return squash(image, size)
    return image.resize((size, size), rng.choice(SMOOTH))


def frame(
    rng: random.Random, image: Image.Image, boxes: list[Box], paper: Colour
) -> tuple[Image.Image, list[Box | None]]:
    """Cut some of the margins off, or add some; regions that are cut away become None."""
    w, h = image.size
    if rng.random() < 0.5:
        cuts = [rng.choice((0.0, rng.uniform(0, 0.07))) for _ in range(4)]
        x0, y0 = int(cuts[0] * w), int(cuts[1] * h)
        image = image.crop((x0, y0, w - int(cuts[2] * w), h - int(cuts[3] * h)))
    else:
        pads = [int(rng.choice((0.0, rng.uniform(0, 0.08))) * s) for s in (w, h, w, h)]
        x0, y0 = -pads[0], -pads[1]
        around = (
            paper
            if rng.random() < 0.7
            else rng.choice(((0, 0, 0), (128, 128, 128), (255, 255, 255)))
        )
        fill = around if image.mode == "RGB" else around[0]
        image = ImageOps.expand(image, (pads[0], pads[1], pads[2], pads[3]), fill)
    return image, [_kept((b[0] - x0, b[1] - y0, b[2] - x0, b[3] - y0), image.size) for b in boxes]


def _kept(box: Box, size: tuple[int, int]) -> Box | None:
    x0, y0, x1, y1 = max(0, box[0]), max(0, box[1]), min(size[0], box[2]), min(size[1], box[3])
    if x1 <= x0 or y1 <= y0:
        return None
    share = (x1 - x0) * (y1 - y0) / ((box[2] - box[0]) * (box[3] - box[1]))
    return (x0, y0, x1, y1) if share >= LEAST_LEFT else None
