# SPDX-License-Identifier: Apache-2.0
"""Pages of texts in the public domain, drawn in Pillow's own font."""

from __future__ import annotations

import json
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from ppocrvl.support.output import make_folder, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.work import Work

MARGIN = 56
INK, PAPER = 25, 250
SIZES = (22, 28, 18)
WIDTH = 1008
GRID = 28  # sides are multiples of it, so that every program feeds the model the same pixels
TEXTS = {
    "gettysburg": (  # Abraham Lincoln, 1863
        "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
        "conceived in Liberty, and dedicated to the proposition that all men are created equal. "
        "Now we are engaged in a great civil war, testing whether that nation, or any nation so "
        "conceived and so dedicated, can long endure. We are met on a great battle-field of that "
        "war. We have come to dedicate a portion of that field, as a final resting place for those "
        "who here gave their lives that that nation might live."
    ),
    "pride": (  # Jane Austen, 1813
        "It is a truth universally acknowledged, that a single man in possession of a good "
        "fortune, must be in want of a wife. However little known the feelings or views of such a "
        "man may be on his first entering a neighbourhood, this truth is so well fixed in the "
        "minds of the surrounding families, that he is considered as the rightful property of some "
        "one or other of their daughters."
    ),
    "alice": (  # Lewis Carroll, 1865
        "Alice was beginning to get very tired of sitting by her sister on the bank, and of having "
        "nothing to do: once or twice she had peeped into the book her sister was reading, but it "
        "had no pictures or conversations in it, and what is the use of a book, thought Alice, "
        "without pictures or conversations?"
    ),
    "cities": (  # Charles Dickens, 1859
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
        "age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was "
        "the season of Light, it was the season of Darkness, it was the spring of hope, it was the "
        "winter of despair."
    ),
}


def draw_pages(work: Work) -> dict[str, Any]:
    """A page for each text and size, as a data set that `ppocrvl eval` reads too."""
    folder = make_folder(work.pages)
    rows = []
    for size, name in islice(product(SIZES, TEXTS), work.n_pages):
        lines = list(_wrapped(TEXTS[name], size))
        image = f"{name}-{size}.png"
        draw_page(lines, size).save(folder / image)
        rows.append({"image": image, "text": "\n".join(lines), "tags": {"size": str(size)}})
    write_text(folder / "dataset.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    return {"pages": len(rows)}


def draw_page(lines: list[str], size: int) -> Image.Image:
    """The lines as black on white."""
    step = size * 3 // 2
    height = 2 * MARGIN + step * len(lines)
    picture = Image.new("L", (WIDTH, height + -height % GRID), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + step * number), line, fill=INK, font=font)
    return picture.convert("RGB")


def _wrapped(text: str, size: int) -> Iterator[str]:
    font = ImageFont.load_default(size)
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) > WIDTH - 2 * MARGIN:
            yield line
            longer = word
        line = longer
    yield line
