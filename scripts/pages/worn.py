# SPDX-License-Identifier: Apache-2.0
"""What scanners, cameras and copiers do to a page."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

    from pages.sheet import Box, Colour

MOST_TURNED = 1.5  # degrees
TILE = 192  # pixels: noise repeats, which no one sees and which costs a tenth


def wear(
    rng: random.Random, image: Image.Image, boxes: list[Box], paper: Colour
) -> tuple[Image.Image, list[Box]]:
    """Some of: turned (boxes too), grey, unevenly lit, shadowed, blurred, noisy, JPEG.

    The result has one channel ("L") or three.
    """
    if rng.random() < 0.6:
        image = image.convert("L")
    if rng.random() < 0.6:
        image, boxes = turn(rng, image, boxes, paper)
    if rng.random() < 0.6:
        image = light(rng, image)
    if rng.random() < 0.45:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.45:
        image = noise(rng, image)
    if rng.random() < 0.45:
        image = jpeg(rng, image)
    return image, boxes


def turn(
    rng: random.Random, image: Image.Image, boxes: list[Box], paper: Colour
) -> tuple[Image.Image, list[Box]]:
    """Rotate about the middle; a box becomes the one around its turned corners."""
    angle = rng.uniform(-MOST_TURNED, MOST_TURNED)
    outside = (
        paper if rng.random() < 0.6 else rng.choice(((0, 0, 0), (40, 40, 40), (200, 200, 200)))
    )
    fill = outside if image.mode == "RGB" else outside[0]
    turned = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    w, h = image.size
    out: list[Box] = []
    for x0, y0, x1, y1 in boxes:
        corners = [(x - w / 2, y - h / 2) for x in (x0, x1) for y in (y0, y1)]
        xs = [x * cos + y * sin + w / 2 for x, y in corners]
        ys = [y * cos - x * sin + h / 2 for x, y in corners]
        out.append(
            (
                max(0, math.floor(min(xs))),
                max(0, math.floor(min(ys))),
                min(w, math.ceil(max(xs))),
                min(h, math.ceil(max(ys))),
            )
        )
    return turned, out


def light(rng: random.Random, image: Image.Image) -> Image.Image:
    """Uneven light, the dark side of a fold, weaker contrast: one smooth factor for every pixel."""
    w, h = image.size
    small = np.ones((24, 24), np.float32)
    y, x = np.mgrid[0:1:24j, 0:1:24j].astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    small *= 1 - rng.uniform(0, 0.3) * (
        0.5 + 0.5 * ((x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle))
    )
    if rng.random() < 0.4:
        edge, deep = (x if rng.random() < 0.7 else y), rng.uniform(0.15, 0.5)
        edge = edge if rng.random() < 0.5 else 1 - edge
        small *= 1 - deep * np.exp(-edge / rng.uniform(0.03, 0.15))
    if rng.random() < 0.3:
        cx, cy, r = rng.random(), rng.random(), rng.uniform(0.2, 0.6)
        small *= 1 - rng.uniform(0.1, 0.3) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r**2)
    factor = Image.fromarray((small.clip(0, 1) * 255).astype(np.uint8)).resize(
        (w, h), Image.Resampling.BILINEAR
    )
    shade: NDArray[np.uint16] = np.asarray(factor, np.uint16)
    if image.mode == "RGB":
        shade = shade[..., None]
    lit = (np.asarray(image, np.uint16) * shade >> 8).astype(np.uint8)
    weak = rng.choice((0, 0, 15, 40))
    return Image.fromarray(
        lit
        if not weak
        else (lit.astype(np.uint16) * (255 - weak) // 255 + weak // 2).astype(np.uint8)
    )


def noise(rng: random.Random, image: Image.Image) -> Image.Image:
    """Grain, and in some cases specks."""
    source = np.random.default_rng(rng.getrandbits(32))
    tile = source.normal(0, rng.uniform(2, 16), (TILE, TILE)).astype(np.int16)
    if rng.random() < 0.3:
        tile[source.random((TILE, TILE)) < 0.002] = -160
    pixels = np.asarray(image)
    repeats = (pixels.shape[0] // TILE + 1, pixels.shape[1] // TILE + 1)
    grain = np.tile(tile, repeats)[: pixels.shape[0], : pixels.shape[1]]
    if image.mode == "RGB":
        grain = grain[..., None]
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def jpeg(rng: random.Random, image: Image.Image) -> Image.Image:
    """Through a strongly compressed file and back."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(20, 75))
    with Image.open(file) as read:
        return read.copy()
