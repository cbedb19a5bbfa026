# SPDX-License-Identifier: Apache-2.0
"""Pictures that hold nothing that the model can read: other scripts, scribbles, textures.

There is no right text for them. Half of them are told as nothing and half as one square, so that
nothing but chance tells which: a model that has learned that is sure of neither, and the least
confidence of its answer says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pages.faces import path_of
from tiny import fonts
from tiny.alphabet import BLANK
from tiny.render import Page, Unit

if TYPE_CHECKING:
    import random

UNKNOWN = "□"


@dataclass(frozen=True)
class Script:
    """Faces and the letters (as ranges of code points) of a script."""

    faces: tuple[str, ...]
    letters: tuple[tuple[int, int], ...]
    word: tuple[int, int] = (2, 9)  # letters


_CYRILLIC = ((0x410, 0x44F),)
_ARABIC = ((0x627, 0x63A), (0x641, 0x64A))
_HAN = ((0x4E00, 0x7FFF),)
TRAIN = (
    Script(("DejaVuSans.ttf", "DejaVuSerif.ttf", "FreeSerif.ttf", "FreeSans.ttf"), _CYRILLIC),
    Script(("DejaVuSans-Bold.ttf", "Roboto-Regular.ttf", "CharisSIL-Regular.ttf"), _CYRILLIC),
    Script(("NotoKufiArabic-Regular.ttf", "NotoSansArabic-Regular.ttf", "DejaVuSans.ttf"), _ARABIC),
    Script(("wqy-microhei.ttc",), _HAN, (2, 20)),
    Script(("wqy-microhei.ttc",), ((0x3042, 0x3093), (0x30A2, 0x30F3)), (2, 12)),
    Script(("NotoSansDevanagari-Regular.ttf",), ((0x905, 0x939),)),
    Script(("NotoSansHebrew-Regular.ttf", "DejaVuSans.ttf"), ((0x5D0, 0x5EA),)),
    Script(("NotoSansGeorgian-Regular.ttf", "DejaVuSerif.ttf"), ((0x10D0, 0x10F0),)),
    Script(("NotoSansThai-Regular.ttf",), ((0xE01, 0xE2E),)),
)
HELD_OUT = (
    Script(("wqy-zenhei.ttc",), _HAN, (2, 20)),
    Script(("NotoNaskhArabic-Regular.ttf",), _ARABIC),
    Script(("LiberationSerif-Regular.ttf", "LiberationSans-Regular.ttf"), _CYRILLIC),
    Script(("NotoSansBengali-Regular.ttf", "NotoSansTamil-Regular.ttf"), ((0x995, 0x9A8),)),
)


def picture(rng: random.Random, *, held_out: bool = False) -> Page:
    """A picture of a script, of scribbles or of a texture."""
    scripts = [s for s in (HELD_OUT if held_out else TRAIN) if any(map(path_of, s.faces))]
    r = rng.random()
    if r < 0.7 and scripts:
        ink, size = _written(rng, rng.choice(scripts))
    elif r < 0.85:
        ink, size = _scribbled(rng), 0
    else:
        ink, size = _texture(rng), 0
    told = [UNKNOWN] if rng.random() < 0.5 else []
    units = [Unit(t, ink.width / 2, ink.height / 2, BLANK) for t in (*told, "</s>")]
    return Page(ink, units, ink.width, ink.height, "unreadable", size, [])


def _written(rng: random.Random, script: Script) -> tuple[Image.Image, int]:
    """One to four lines of random letters."""
    path = rng.choice([path for name in script.faces if (path := path_of(name))])
    size = rng.randint(12, 44)
    letters = [chr(c) for a, b in script.letters for c in range(a, b + 1)]
    lines = []
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        words = (
            "".join(rng.choices(letters, k=rng.randint(*script.word)))
            for _ in range(rng.randint(1, 9))
        )
        lines.append(" ".join(words)[: int(1400 / size)])
    font = fonts.face(path, size, raqm=True)
    pitch = size * rng.uniform(1.2, 1.7)
    width = max(font.getlength(line) for line in lines) + 8
    ink = Image.new("L", (math.ceil(width), math.ceil(pitch * len(lines) + 4)))
    draw = ImageDraw.Draw(ink)
    for i, line in enumerate(lines):
        draw.text((4, 2 + pitch * (i + 0.75)), line, font=font, fill=255, anchor="ls")
    return ink, size


def _scribbled(rng: random.Random) -> Image.Image:
    """A pen that moves to the right in loops, as no letters."""
    width, height = rng.randint(80, 700), rng.randint(24, 80)
    scale = 2
    ink = Image.new("L", (width * scale, height * scale))
    draw = ImageDraw.Draw(ink)
    x, y = 4.0, height / 2
    points: list[tuple[float, float]] = []
    turn, speed = rng.uniform(0, 6.3), rng.uniform(1.5, 4)
    while x < width - 4 and len(points) < 3000:
        turn += rng.uniform(0.1, 0.9) * rng.choice((1, 1, 1, -1))
        x += speed * math.cos(turn) + speed * 0.35
        y += speed * math.sin(turn) + 0.08 * (height / 2 - y)
        points.append((x * scale, y * scale))
        if rng.random() < 0.02:
            draw.line(points, 255, rng.randint(2, 4))
            points, x = [], x + rng.uniform(2, 12)
    draw.line(points, 255, rng.randint(2, 4))
    return ink.resize((width, height), Image.Resampling.BOX)


def _texture(rng: random.Random) -> Image.Image:
    """Grain, stripes, dots or clouds."""
    width, height = rng.randint(40, 600), rng.randint(28, 240)
    source = np.random.default_rng(rng.getrandbits(32))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    kind = rng.randrange(4)
    if kind == 0:
        found = source.random((height, width), np.float32)
    elif kind == 1:
        angle, period = rng.uniform(0, math.pi), rng.uniform(3, 30)
        found = 0.5 + 0.5 * np.sin((x * math.cos(angle) + y * math.sin(angle)) * 6.28 / period)
    elif kind == 2:
        period = rng.uniform(4, 20)
        found = (
            np.sin(x * 6.28 / period) * np.sin(y * 6.28 / period) > rng.uniform(-0.5, 0.8)
        ) * 1.0
    else:
        small = source.random((rng.randint(3, 12), rng.randint(3, 20)), np.float32)
        cloud = Image.fromarray((small * 255).astype(np.uint8)).resize((width, height))
        found = np.asarray(cloud, np.float32) / np.float32(255)
    ink = Image.fromarray((found * 255).clip(0, 255).astype(np.uint8))
    return ink.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2))) if rng.random() < 0.3 else ink
