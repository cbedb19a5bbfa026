# SPDX-License-Identifier: Apache-2.0
"""Draw the sample pictures: ``python scripts/make_samples.py samples``.

Both sides of each are multiples of 28 and none is so small that it would be enlarged, so that
every program feeds the model the same pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"  # Debian package fonts-dejavu
SIZE, TABLE_SIZE = 28, 20
HELLO = ("Hello world!", "This picture was drawn", "by the project.")
TABLE = (
    ("Name", "Count", "Price"),
    ("Bread", "2", "$5.10"),
    ("Water", "4", "$1.80"),
    ("Tea", "1", "$4.25"),
)
PAPER, INK, RULE = 250, 20, 120


def hello() -> Image.Image:
    """A block of three lines, 448 x 168."""
    picture = Image.new("L", (448, 168), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, SIZE)
    for i, line in enumerate(HELLO):
        draw.text((14, 12 + 50 * i), line, font=font, fill=INK)
    return picture


def table() -> Image.Image:
    """A ruled table of four rows and three columns, 392 x 196."""
    picture = Image.new("L", (392, 196), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, TABLE_SIZE)
    left, top, width, height = 5, 6, 127, 46
    for r, row in enumerate(TABLE):
        for c, text in enumerate(row):
            draw.text((left + c * width + 10, top + r * height + 10), text, font=font, fill=INK)
    for r in range(len(TABLE) + 1):
        y = top + r * height
        draw.line([(left, y), (left + 3 * width, y)], RULE)
    for c in range(4):
        x = left + c * width
        draw.line([(x, top), (x, top + len(TABLE) * height)], RULE)
    return picture


def main() -> None:
    """Write the pictures, and beside each the text that a reader should give."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    folder: Path = p.parse_args().folder
    otsl = "".join("".join(f"<fcel>{t}" for t in row) + "<nl>" for row in TABLE)
    for name, picture, text in (("hello", hello(), "\n".join(HELLO)), ("table", table(), otsl)):
        picture.save(folder / f"{name}.png", optimize=True)
        (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
