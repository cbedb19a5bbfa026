# SPDX-License-Identifier: Apache-2.0
"""Ink becomes a picture: paper and light, and what printers, copiers, faxes and cameras do to it.

Everything works on one channel; a coloured picture gets its colours at the end.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

    from tiny.render import Page

MOST_TURNED = 1.5  # degrees
Matrix: TypeAlias = "NDArray[np.float64]"  # [3, 3], of places in the page to those in the picture
Grey: TypeAlias = "NDArray[np.float32]"  # [h, w], 0 to 255
TILE = 256  # noise repeats, which no one sees


def picture(rng: random.Random, page: Page, *, worn: float = 0.55) -> tuple[Image.Image, Matrix]:
    """The page as a file has it, RGB, and where its points have gone.

    Args:
        rng: where everything random comes from.
        page: ink and its size.
        worn: the share of the pictures that are not clean.
    """
    is_worn = rng.random() < worn
    ink = page.ink.resize((round(page.width), round(page.height)), Image.Resampling.BOX)
    matrix: Matrix = np.eye(3)
    if is_worn and rng.random() < 0.5:
        ink, matrix = turned(rng, ink)
    if is_worn and rng.random() < 0.3:
        ink = strokes(rng, ink)
    grey = painted(rng, np.asarray(ink, np.float32), worn=is_worn)
    image = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    if is_worn:
        return coloured(rng, _affected(rng, image)), matrix
    if rng.random() < 0.15:
        image = compressed(rng, image, (70, 95))
    return coloured(rng, image), matrix


def used(rng: random.Random, image: Image.Image) -> Image.Image:
    """A picture of a page, RGB, after what happens to pictures; its points stay where they are."""
    return _affected(rng, image.convert("L")).convert("RGB")


def _affected(rng: random.Random, image: Image.Image) -> Image.Image:
    for effect, share in EFFECTS:
        if rng.random() < share:
            image = effect(rng, image)
    return image


def turned(rng: random.Random, ink: Image.Image) -> tuple[Image.Image, Matrix]:
    """Askew by up to 1.5 degrees, or seen from the side; long lines by less, as crops are flat."""
    w, h = ink.size
    most = min(math.radians(MOST_TURNED), 0.6 * max(h, 30) / w)
    angle = rng.uniform(-most, most)
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], float)
    centre = np.array([w / 2, h / 2])
    cos, sin = math.cos(angle), math.sin(angle)
    there = (corners - centre) @ np.array([(cos, sin), (-sin, cos)]) + centre
    if rng.random() < 0.35:  # a camera: every corner moves by itself
        most_moved = np.array([0.02 * w, 0.12 * h])
        there += np.array([[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(4)]) * most_moved
    there -= there.min(0)
    size = np.ceil(there.max(0)).astype(int)
    matrix = _perspective(corners, there)
    back = np.linalg.inv(matrix)
    back /= back[2, 2]
    out = ink.transform(
        (max(1, int(size[0])), max(1, int(size[1]))),
        Image.Transform.PERSPECTIVE,
        back.ravel()[:8].tolist(),
        Image.Resampling.BILINEAR,
    )
    return out, matrix


def _perspective(here: NDArray[np.float64], there: NDArray[np.float64]) -> Matrix:
    """The perspective that takes four points to four others."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(here, there, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    found = np.linalg.solve(np.array(rows), np.array(wanted))
    return np.append(found, 1.0).reshape(3, 3)


def moved(matrix: Matrix, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the page in the picture: [2, n]."""
    out = matrix @ np.stack((x, y, np.ones_like(x)))
    found: NDArray[np.float64] = out[:2] / out[2]
    return found


def strokes(rng: random.Random, ink: Image.Image) -> Image.Image:
    """Thicker or thinner strokes, or holes in them."""
    r = rng.random()
    if r < 0.3 and ink.height > 22:
        return ink.filter(ImageFilter.MaxFilter(3))
    if r < 0.65:
        power = rng.choice((rng.uniform(0.5, 0.8), rng.uniform(1.3, 2.2)))
        return ink.point([round(255 * (i / 255) ** power) for i in range(256)])
    holes = _cloud(rng, ink.size, rng.uniform(1.2, 4))
    keep = holes > np.quantile(holes[::3, ::3], rng.uniform(0.02, 0.15))
    return Image.fromarray(np.asarray(ink) * keep)


def _cloud(rng: random.Random, size: tuple[int, int], grain: float) -> Grey:
    """Smooth noise of mean 0 whose spots are about ``grain`` pixels wide."""
    w, h = size
    source = np.random.default_rng(rng.getrandbits(32))
    small = source.standard_normal((int(h / grain) + 2, int(w / grain) + 2), np.float32)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BILINEAR))


def painted(rng: random.Random, ink: Grey, *, worn: bool) -> Grey:
    """Dark on light, seldom light on dark, with the paper's grain and uneven light if worn."""
    h, w = ink.shape
    dark, light = float(rng.choice((0, 0, rng.randint(0, 60), rng.randint(30, 120)))), 255.0
    if rng.random() < 0.5:
        light = float(rng.randint(185, 255))
    if rng.random() < 0.07:
        dark, light = light, dark
    out = light + (dark - light) / 255 * ink
    if not worn:
        return out
    if rng.random() < 0.15:  # what is printed on the other side
        behind = np.roll(ink[:, ::-1], rng.randint(-h // 2, h // 2), 0)
        out += (dark - light) / 255 * behind * rng.uniform(0.04, 0.2) * (1 - ink / 255)
    if rng.random() < 0.3:
        out += _cloud(rng, (w, h), rng.uniform(1.5, 30)) * rng.uniform(2, 10)
    if rng.random() < 0.4:
        x, y = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
        slope = rng.uniform(-0.25, 0.25) * x[None] + rng.uniform(-0.1, 0.1) * y[:, None]
        out *= 1 - rng.uniform(0, 0.2) + slope
    if rng.random() < 0.12:  # the shadow of a hand or a fold
        edge, soft = rng.uniform(0, w), rng.uniform(2, 60)
        reach = (np.arange(w, dtype=np.float32) - edge) / soft * rng.choice((-1, 1))
        out *= 1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-reach.clip(-20, 20)))[None]
    return out


def blurred(rng: random.Random, image: Image.Image) -> Image.Image:
    """Out of focus; small pictures less."""
    most = min(1.6, 0.25 + image.height / 60)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, most)))


def coarse(rng: random.Random, image: Image.Image) -> Image.Image:
    """Scanned at fewer pixels and enlarged again."""
    share = rng.uniform(0.55, 0.9)
    size = (max(8, round(image.width * share)), max(8, round(image.height * share)))
    way = rng.choice((Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.NEAREST))
    return image.resize(size, way).resize(image.size, Image.Resampling.BILINEAR)


def copied(rng: random.Random, image: Image.Image) -> Image.Image:
    """A photocopy or a fax: black and white, with specks; a fax has half as many rows."""
    grey = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8)))
    if rng.random() < 0.4 and grey.height > 30:
        grey = grey.resize((grey.width, max(12, grey.height // 2)), Image.Resampling.BOX)
    pixels = np.asarray(grey, np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    middle = low + (high - low) * rng.uniform(0.4, 0.7)
    source = np.random.default_rng(rng.getrandbits(32))
    fuzzy = pixels + source.standard_normal(pixels.shape, np.float32) * (high - low) * 0.06
    out = np.where(fuzzy > middle, 255, 0).astype(np.uint8)
    specks = source.random(out.shape, np.float32) < rng.uniform(0, 0.004)
    out[specks] = 255 - out[specks]
    return Image.fromarray(out).resize(image.size, Image.Resampling.NEAREST)


def noisy(rng: random.Random, image: Image.Image) -> Image.Image:
    """Grain of a sensor, the same in every tile."""
    source = np.random.default_rng(rng.getrandbits(32))
    tile = source.standard_normal((TILE, TILE), np.float32) * rng.uniform(2, 18)
    h, w = image.height, image.width
    grain = np.tile(tile, (h // TILE + 1, w // TILE + 1))[:h, :w]
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def screened(rng: random.Random, image: Image.Image) -> Image.Image:
    """A photograph of a screen: the grid of its pixels."""
    pixels = np.asarray(image, np.float32)
    period = rng.uniform(2.2, 5)
    x, y = np.arange(image.width), np.arange(image.height)
    deep = rng.uniform(0.03, 0.15)
    grid = 1 - deep * (0.5 + 0.5 * np.sin(x * (6.28 / period)))[None]
    grid = grid * (1 - deep * (0.5 + 0.5 * np.sin(y * (6.28 / period)))[:, None])
    return Image.fromarray((pixels * grid).clip(0, 255).astype(np.uint8))


def compressed(
    rng: random.Random, image: Image.Image, quality: tuple[int, int] = (25, 75)
) -> Image.Image:
    """Through a JPEG file and back."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(*quality))
    with Image.open(file) as read:
        return read.copy()


EFFECTS = (
    (blurred, 0.35),
    (coarse, 0.15),
    (copied, 0.12),
    (noisy, 0.4),
    (screened, 0.06),
    (compressed, 0.4),
)


def coloured(rng: random.Random, image: Image.Image) -> Image.Image:
    """RGB; one in eight has a colour of its own for ink and paper."""
    if rng.random() > 0.12:
        return image.convert("RGB")
    dark, light = rng.uniform(0, 0.5), rng.uniform(0.85, 1)
    bands = []
    for _ in range(3):
        a, b = dark * rng.random() * 255, (light + (1 - light) * rng.random()) * 255
        bands.append(image.point([round(a + (b - a) * i / 255) for i in range(256)]))
    return Image.merge("RGB", bands)
