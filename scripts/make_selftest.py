# SPDX-License-Identifier: Apache-2.0
"""Draw the picture that `ppocrvl doctor` reads: ``python scripts/make_selftest.py``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from make_samples import FONT, INK, PAPER

TEXT = "The quick brown fox"
SIZE = 21
TARGET = Path(__file__).resolve().parent.parent / "python" / "ppocrvl" / "models" / "builtin"


def main() -> None:
    """Write the picture, 224 x 28, and beside it the text that stands in it."""
    picture = Image.new("L", (224, 28), PAPER)
    ImageDraw.Draw(picture).text((5, 2), TEXT, font=ImageFont.truetype(FONT, SIZE), fill=INK)
    picture.save(TARGET / "selftest.png", optimize=True)
    (TARGET / "selftest.txt").write_text(TEXT + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
