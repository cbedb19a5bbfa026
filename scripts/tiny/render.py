# SPDX-License-Identifier: Apache-2.0
"""Draws plain lines, blocks and tables of ASCII, and says where every character lies."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tiny import fonts, text
from tiny.alphabet import BLANK, END_OF_LINE
from tiny.sizes import CELL

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from numpy.typing import NDArray

SMALLEST = 14  # pixels per em
UNPLACED = -1e3  # x of a unit of which nobody says where it is read from


@dataclass
class Unit:
    """One output token and the point of the canvas (in canvas pixels) that it is read from."""

    text: str
    x: float
    y: float
    dense: int  # dense class at that point, or BLANK where nothing is to be seen


@dataclass
class Page:
    """A drawn canvas: ink coverage 0..255 and the units in reading order (the last is the end)."""

    ink: Image.Image
    units: list[Unit]
    width: float  # canvas size in pixels before the stretch (the ink may be drawn at twice that)
    height: float
    font: str
    size: int
    seen: list[Unit] | None = None  # what is to be seen, where that is not what is written


class Pen:
    """A font at one size, drawing at once or twice that size (which is then reduced)."""

    def __init__(self, path: Path, size: int, scale: int, *, raqm: bool) -> None:
        self.path, self.size, self.scale = path, size, scale
        self.measure = fonts.metrics(path).at(size)
        self.height = self.measure.bottom - self.measure.top
        self._font = fonts.face(path, size * scale, raqm=raqm)

    def resized(self, size: int) -> Pen:
        """The same font at another size."""
        return Pen(self.path, size, self.scale, raqm=False)

    def canvas(self, width: float, height: float) -> Image.Image:
        """An empty canvas for this pen."""
        return Image.new("L", (round(width * self.scale), round(height * self.scale)))

    def fit(self, t: str, width: float) -> str:
        """The longest prefix at most ``width`` wide, cut at a space if one is near its end."""
        n = int(np.searchsorted(np.cumsum(self.measure.advances(t)), width))
        if 10 < n < len(t) and " " in t[n - 8 : n + 1]:
            n = t.rindex(" ", 0, n + 1)
        return t[:n].strip()

    def text(self, rng: random.Random, width: float) -> str:
        """Running text that fills ``width``, one character if there is no room."""
        t = self.fit(text.running(rng, int(width / (self.size * 0.33)) + 4), width)
        return t or rng.choice("abcdeghknoprstuvxyz234567890")

    def draw(self, on: ImageDraw.ImageDraw, t: str, x: float, y: float) -> list[Unit]:
        """Draw ``t`` with its ink top at the canvas point (x, y); returns its units."""
        top = self.measure.top
        at = (round(x * self.scale), round((y - top) * self.scale))
        on.text(at, t, font=self._font, fill=255, anchor="ls")
        advance = self.measure.advances(t)
        length = self._font.getlength(t) / self.scale
        ends = np.cumsum(advance) * (length / max(float(advance.sum()), 1.0))
        cy = y + self.measure.middle - top
        mids = (x + ends - advance / 2).tolist()
        return [Unit(c, m, cy, ord(c) - 31) for c, m in zip(t, mids, strict=True)]

    def end(self, units: list[Unit], token: str) -> Unit:
        """The mark for "nothing follows on this line": a little right of the last character."""
        last = units[-1]
        gap = float(self.measure.advances(last.text)[0]) / 2 + 0.22 * self.size
        return Unit(token, last.x + gap, last.y, END_OF_LINE)

    def rule(self, on: ImageDraw.ImageDraw, box: tuple[float, ...], ink: int, width: int) -> None:
        """A straight rule (x0, y0, x1, y1)."""
        on.line([v * self.scale for v in box], ink, width * self.scale)


@dataclass(frozen=True)
class Source:
    """Where text and fonts come from."""

    fonts: tuple[Path, ...]
    rng: random.Random

    def pick(self, size: int) -> Pen:
        """A random font at ``size``."""
        scale = 2 if self.rng.random() < 0.35 else 1
        return Pen(self.rng.choice(self.fonts), size, scale, raqm=self.rng.random() < 0.3)


def _canvas(
    rng: random.Random, size: tuple[int, int], need: float, spare: float = math.inf
) -> tuple[float, float]:
    """A canvas (width, height >= ``need``) of about ``size`` (rows, columns) cells.

    It is at most ``spare`` higher than needed, unless it then had fewer rows.
    """
    rows, cols = size
    low = max(need, 15.0) if rows == 1 else max(need, CELL * rows - 13.5)
    high = min(CELL * rows + 13.5, low + spare)
    h = float(round(rng.uniform(low, max(low, high))))
    grow = max(1.0, CELL / h)
    w = CELL * (cols + rng.uniform(-0.48, 0.48)) / grow
    return max(w, CELL / 2), h


def line(src: Source, frame: tuple[int, int], sizes: tuple[int, int] = (14, 32)) -> Page:
    """One line of text on some ``frame`` (rows, columns) cells."""
    rng, rows = src.rng, frame[0]
    least = sizes[0] if rows == 1 else max(20, sizes[0])
    pen = src.pick(rng.randint(least, sizes[1]))
    if pen.height + 1 > CELL * rows + 13:
        pen = pen.resized(int(pen.size * (CELL * rows + 12) / pen.height))
    tight = rng.random() < 0.7  # most crops of a line leave little above and below it
    w, h = _canvas(rng, frame, pen.height + 1, pen.size / 2 if tight else math.inf)
    left = rng.choice([rng.uniform(1, 4), rng.uniform(0, 14)])
    room = w - left - rng.uniform(1, 6)
    if rng.random() < 0.25:
        room *= rng.uniform(0.35, 0.95)
    ink = pen.canvas(w, h)
    top = rng.uniform(0.5, max(0.5, h - pen.height - 0.5))
    units = pen.draw(ImageDraw.Draw(ink), pen.text(rng, room), left, top)
    units.append(pen.end(units, "</s>"))
    return Page(ink, units, w, h, pen.path.name, pen.size)


def _shift(align: str, spare: float) -> float:
    """How far text that is ``spare`` narrower than its place starts from the left."""
    return {"l": 0.0, "c": 0.5, "r": 1.0}[align] * max(0.0, spare)


def _count(rng: random.Random, most: int, crowd: int) -> int:
    """The greatest of ``crowd`` random numbers from 2 to ``most`` (at most 6)."""
    return max(rng.randint(2, max(2, min(6, most))) for _ in range(crowd))


def block(src: Source, frame: tuple[int, int], *, crowd: int = 1) -> Page:
    """A block of 2 to 6 lines (``crowd``: see ``_count``)."""
    rng = src.rng
    w, h = _canvas(rng, frame, 0)
    n = _count(rng, int(h / 18), crowd)
    pen = src.pick(max(SMALLEST, min(30, int(rng.uniform(0.62, 0.92) * h / n))))
    if pen.height + 1 > h / n:
        pen = pen.resized(max(SMALLEST, int(pen.size * (h / n - 1) / pen.height)))
    n = max(1, min(n, int(h / (pen.height + 1))))
    pitch = rng.uniform(pen.height + 0.5, min(pen.height * 1.6, max(pen.height + 0.5, (h - 1) / n)))
    y = rng.uniform(0.5, max(0.5, h - pitch * (n - 1) - pen.height))
    left = rng.uniform(1, 12)
    room = w - left - rng.uniform(1, 8)
    align = rng.choices("lcr", (8, 1, 1))[0]
    ragged = rng.random() < 0.5
    ink = pen.canvas(w, h)
    on = ImageDraw.Draw(ink)
    units: list[Unit] = []
    for i in range(n):
        part = room * (rng.uniform(0.3, 1.0) if ragged or i == n - 1 else 1.0)
        t = pen.text(rng, part)
        new = pen.draw(on, t, left + _shift(align, room - pen.measure.width(t)), y)
        units += new
        units.append(pen.end(new, "\n" if i < n - 1 else "</s>"))
        y += pitch
    return Page(ink, units, w, h, pen.path.name, pen.size)


def _cuts(rng: random.Random, total: float, n: int, least: float) -> list[float]:
    """``n`` + 1 boundaries of random parts of ``total``, each at least ``least`` if possible."""
    least = min(least, total / n)
    parts = [rng.uniform(0.4, 1.0) for _ in range(n)]
    spare = total - least * n
    edges = [0.0]
    for p in parts:
        edges.append(edges[-1] + least + spare * p / sum(parts))
    return edges


def _rules(
    rng: random.Random, pen: Pen, on: ImageDraw.ImageDraw, xs: list[float], ys: list[float]
) -> float:
    """Draw the rules of a table with these column and row edges; returns the cells' padding."""
    style = rng.choices(("grid", "rows", "head", "none"), (5, 2, 1, 2))[0]
    ink, width = rng.randint(110, 255), rng.choice((1, 1, 1, 2))
    for y in {"grid": ys, "rows": ys, "head": ys[1:2], "none": []}[style]:
        pen.rule(on, (xs[0], y, xs[-1], y), ink, width)
    for x in xs if style == "grid" else []:
        pen.rule(on, (x, ys[0], x, ys[-1]), ink, width)
    return rng.uniform(3, 7) if style == "grid" else rng.uniform(4, 8)


def table(src: Source, frame: tuple[int, int], *, crowd: int = 1) -> Page:
    """A table of 2 to 6 rows and 2 to 5 columns, with or without rules."""
    rng = src.rng
    w, h = _canvas(rng, frame, 0)
    n = _count(rng, int(h / 24), crowd)
    pen = src.pick(max(SMALLEST, min(26, int(rng.uniform(0.5, 0.8) * h / n))))
    if pen.height + 4 > h / n:
        pen = pen.resized(max(SMALLEST, int(pen.size * (h / n - 4) / pen.height)))
    n = max(2, min(n, int(h / (pen.height + 4))))
    bold = fonts.bold_of().get(pen.path) if rng.random() < 0.5 else None
    head = Pen(bold, pen.size, pen.scale, raqm=False) if bold else pen
    m = rng.randint(2, max(2, min(5, int(w / (pen.size * 4.5)))))
    margin = rng.uniform(1, 6)
    pitch = (h - 2 * margin) / n
    pitch = max(min(pitch, pen.height + 3), min(pitch, pen.height * rng.uniform(1.25, 2.2)))
    top = rng.uniform(margin, max(margin, h - margin - pitch * n))
    xs = [margin + e for e in _cuts(rng, w - 2 * margin, m, pen.size * 3.2)]
    ys = [top + pitch * r for r in range(n + 1)]
    aligns = [rng.choices("lcr", (5, 2, 3))[0] for _ in range(m)]
    ink = pen.canvas(w, h)
    on = ImageDraw.Draw(ink)
    pad = _rules(rng, pen, on, xs, ys)
    units: list[Unit] = []
    for r in range(n):
        use = head if r == 0 else pen
        y = ys[r] + (pitch - use.height) / 2
        cy = y + use.measure.middle - use.measure.top
        for c in range(m):
            room = xs[c + 1] - xs[c] - 2 * pad
            t = "" if rng.random() < 0.07 else use.fit(text.cell(rng), room)
            if not t:
                units.append(Unit("<ecel>", (xs[c] + xs[c + 1]) / 2, cy, BLANK))
                continue
            x = xs[c] + pad + _shift(aligns[c], room - use.measure.width(t))
            new = use.draw(on, t, x, y)
            units += [Unit("<fcel>", new[0].x, cy, BLANK), *new]
        units.append(Unit("<nl>", xs[-1] - pad, cy, BLANK))
    units.append(Unit("</s>", xs[-1] - pad, cy, BLANK))
    return Page(ink, units, w, h, pen.path.name, pen.size)


def _paint(
    rng: random.Random, noise: np.random.Generator, ink: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Turn ink coverage into a picture: greys or colours, gradient, noise, blur, JPEG."""
    h, w = ink.shape
    colour = rng.random() < 0.1
    n = 3 if colour else 1
    fg = np.array([rng.randint(0, 110) for _ in range(n)], np.float32)
    bg = np.array([rng.randint(180, 255) for _ in range(n)], np.float32)
    if rng.random() < 0.3:
        fg[:], bg[:] = 0, 255
    if rng.random() < 0.06:
        fg, bg = bg, fg
    a = ink.astype(np.float32)[..., None] * (1 / 255)
    out = bg + (fg - bg) * a
    if rng.random() < 0.15:
        out += np.linspace(-rng.uniform(0, 25), rng.uniform(0, 25), w, dtype=np.float32)[
            None, :, None
        ]
    if rng.random() < 0.5:
        out += noise.standard_normal((h, w, 1), np.float32) * rng.uniform(1, 7)
    img = np.clip(out + 0.5, 0, 255).astype(np.uint8)
    r = rng.random()
    if r < 0.08:
        pil = Image.fromarray(img if colour else img[..., 0])
        if r < 0.04:
            pil = pil.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
        else:
            buffer = io.BytesIO()
            pil.save(buffer, "JPEG", quality=rng.randint(60, 92))
            pil = Image.open(buffer)
        img = np.asarray(pil).reshape(h, w, n)
    return np.ascontiguousarray(np.broadcast_to(img, (h, w, 3)))


def photograph(rng: random.Random, noise: np.random.Generator, page: Page) -> Image.Image:
    """The page as a user's picture: RGB, at its own size."""
    ink = page.ink.resize((round(page.width), round(page.height)), Image.Resampling.BOX)
    return Image.fromarray(_paint(rng, noise, np.asarray(ink)))
