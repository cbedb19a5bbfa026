# SPDX-License-Identifier: Apache-2.0
"""Images to compare on, where the user names none: text on shapes that have gone wrong before."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SHAPES = (
    (28, 28),
    (900, 40),
    (600, 60),
    (56, 1400),
    (378, 378),
    (1000, 1400),
    (2480, 3508),
)
"""Width and height: one token, thin, tall, the position table's own grid, a page at two sizes."""

WORDS = "It was 7:45 when 318 boxes (each 2.5 kg) left for Lyon; nobody knew why, or who had paid. "


def made_image(width: int, height: int) -> Image.Image:
    """Lines of text in Pillow's own font on a light gradient, always the same for a size."""
    gradient = Image.linear_gradient("L").resize((width, height)).point(lambda v: 215 + v // 8)
    image = Image.merge("RGB", [gradient, gradient.point(lambda v: v - 6), gradient])
    draw = ImageDraw.Draw(image)
    size = max(11, min(30, height // 2, max(width, height) // 40))
    font = ImageFont.load_default(size)
    text = WORDS * (2 + 4 * width // (size * len(WORDS)))
    step = 0
    for y in range(2, max(3, height - size), size + size // 2):
        draw.text((3, y), text[step:], fill=(20, 20, 40), font=font)
        step = (step + 17) % len(WORDS)
    return image


PAGE_SIZES = ((827, 1169), (850, 1100), (1240, 1754), (600, 900), (1000, 563), (1654, 2339))


def made_page(number: int) -> Image.Image:
    """A page of columns with headings, paragraphs and figures, always the same for a number."""
    rng = np.random.default_rng(number)
    width, height = PAGE_SIZES[number % len(PAGE_SIZES)]
    page = Image.new("RGB", (width, height), (255, int(rng.integers(240, 256)), 250))
    draw = ImageDraw.Draw(page)
    size = int(rng.integers(11, 17)) * height // 1000 + 4
    margin, columns = width // 12, int(rng.choice((1, 2, 2, 3)))
    step = (width - 2 * margin) // columns
    for column in range(columns):
        left, y = margin + column * step, margin
        while y < height - margin - 2 * size:
            kind = rng.choice(("heading", "text", "text", "text", "figure"))
            n_lines = int(rng.integers(2, 9)) if kind == "text" else 1
            right, below = left + step - size, min(height - margin, y + 9 * size)
            if kind == "figure":
                colour = tuple(int(rng.integers(60, 230)) for _ in range(3))
                draw.rectangle((left, y, right, below), fill=colour, outline=(0, 0, 0))
                y = below
            for _ in range(n_lines if kind != "figure" else 0):
                font = ImageFont.load_default(size * 2 if kind == "heading" else size)
                line = WORDS[int(rng.integers(40)) :] + WORDS * 2
                while line and font.getlength(line) > right - left:
                    line = line[:-8]
                draw.text((left, y), line, fill=(20, 20, 40), font=font)
                y += size * 3 if kind == "heading" else size * 3 // 2
            y += size
    return page
