# SPDX-License-Identifier: Apache-2.0
"""Images to compare on, where the user names none: text on shapes that have gone wrong before."""

from __future__ import annotations

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
