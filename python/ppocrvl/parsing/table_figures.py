# SPDX-License-Identifier: Apache-2.0
"""Figures in tables: a token is painted over each, and what the model reads there is replaced.

So does PaddleX 3.7.2 (`tokenize_figure_of_table`, `untokenize_figure_of_table` in
paddleocr_vl/uilts.py), with the font of OpenCV; the tokens are the same, the letters are not.
"""

from __future__ import annotations

import random
import re
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ppocrvl.document.types import Box
    from ppocrvl.parsing.crops import Pixels

LEAST_SIDE = 25
"""Pixels of a figure's shorter side below which the model could not read a token in it."""
_SEED = 1024
_DOUBTFUL_DIGITS = frozenset("019")
"""A model takes them for letters."""
_FILL = 0.9
"""How much of the shorter side the token takes."""
_TOKEN = re.compile(r"\[F(\d+)\]")


def figures_inside(table: Box, figures: Sequence[Box]) -> list[int]:
    """Which figures lie within a table."""
    return [
        i
        for i, box in enumerate(figures)
        if box[0] >= table[0] and box[1] >= table[1] and box[2] <= table[2] and box[3] <= table[3]
    ]


def figure_tokens(n_figures: int) -> list[str]:
    """A token for each figure of a page; those of PaddleX for the same number of figures."""
    numbers: list[int] = []
    number = 0
    while len(numbers) < n_figures:
        if not _DOUBTFUL_DIGITS & set(str(number)):
            numbers.append(number)
        number += 1
    random.Random(_SEED).shuffle(numbers)  # noqa: S311 - not for secrets
    return [f"[F{number}]" for number in numbers]


def paint_tokens(picture: Pixels, boxes: Sequence[Box], tokens: Sequence[str]) -> Pixels:
    """A copy of a table's picture with tokens in place of figures.

    Args:
        picture: uint8 [height, width, 3].
        boxes: of the figures, in its pixels.
        tokens: one for each.
    """
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for (x0, y0, x1, y1), token in zip(boxes, tokens, strict=True):
        draw.rectangle((x0, y0, x1, y1), fill="white")
        side = min(x1 - x0, y1 - y0)
        left, top, right, bottom = ImageFont.load_default(100.0).getbbox(token)
        size = _FILL * side * 100 / max(right - left, bottom - top)
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        draw.text(middle, token, fill="black", font=ImageFont.load_default(size), anchor="mm")
    return np.array(canvas)


def put_back(html: str, names: Mapping[str, str]) -> str:
    """A table with pictures where the model read tokens; unknown tokens stay.

    Args:
        html: of the table.
        names: file of the picture that each token stands for.
    """

    def picture(found: re.Match[str]) -> str:
        name = names.get(found[0])
        return found[0] if name is None else f'<img src="{escape(name)}" alt="figure">'

    return _TOKEN.sub(picture, html)
