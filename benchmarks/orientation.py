# SPDX-License-Identifier: Apache-2.0
"""How many pages are turned upright that lie on their side or head, and how many that stand.

    python benchmarks/orientation.py [--count 100]

paints pages, clean and worn, turns each by 0, 90, 180 and 270 degrees, and writes the figures into
docs/parsing.md. Pages of templates and faces that models are trained on, and of others; set by
WeasyPrint where that is installed; and pages of capitals or figures alone, which have no letters
that reach above or below the others, in Chinese too where a font for it is found.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from document import write_speed
from model_files import ROOT
from ppocrvl.parsing.orientation import page_rotation, turned

sys.path.append(str(ROOT / "scripts"))

from pages.maker import make
from pages.worn import wear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ppocrvl.parsing.orientation import Rotation

ROTATIONS: tuple[Rotation, ...] = (0, 90, 180, 270)
KINDS = ("stands, left", "stands, turned", "lies, set upright", "lies, left", "lies, set wrong")
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
CHINESE = "".join(map(chr, range(0x4E00, 0x9000, 7)))
CHINESE_FONTS = ("wqy*", "NotoSansCJK*", "NotoSerifCJK*", "uming*", "ukai*", "DroidSansFallback*")
FONT_FOLDERS = ("/usr/share/fonts", "~/.local/share/fonts", "~/.fonts")
A4, FONT_SIZE, MARGIN = (1191, 1684), 22, 120


def painted(seed: str, *, held_out: bool) -> Image.Image:
    """A page of the painter's."""
    return make(seed, held_out=held_out).image


def of_signs(seed: str, *, signs: str, word: int, font: ImageFont.FreeTypeFont) -> Image.Image:
    """A page of lines of such words, which end where they please."""
    rng = random.Random(seed)
    page = Image.new("RGB", A4, "white")
    draw = ImageDraw.Draw(page)
    for top in range(MARGIN, A4[1] - MARGIN, round(1.6 * FONT_SIZE)):
        if rng.random() < 0.1:
            continue  # between paragraphs
        end = A4[0] - MARGIN - (rng.random() < 0.15) * rng.randrange(600)
        line = ""
        while draw.textlength(line, font) < end - MARGIN:
            line += "".join(rng.choices(signs, k=rng.randint(1, word))) + " " * (word > 1)
        draw.text((MARGIN, top), line, "black", font)
    return page


def sources() -> Iterator[tuple[str, Callable[[str], Image.Image]]]:
    """What pages there are."""
    yield "painted", partial(painted, held_out=False)
    yield "painted, held out", partial(painted, held_out=True)
    try:
        from pages import typeset  # noqa: PLC0415 - needs WeasyPrint
    except ImportError:
        print("WeasyPrint is not installed: no pages set from HTML")
    else:
        yield "set from HTML", lambda seed: typeset.make(seed, held_out=True).image
    usual = ImageFont.load_default(FONT_SIZE)
    assert isinstance(usual, ImageFont.FreeTypeFont)
    yield "capitals alone", partial(of_signs, signs=CAPITALS, word=9, font=usual)
    yield "figures alone", partial(of_signs, signs=DIGITS, word=6, font=usual)
    path = chinese_font()
    if path is None:
        print("no font for Chinese was found")
    else:
        font = ImageFont.truetype(path, FONT_SIZE)
        yield "Chinese", partial(of_signs, signs=CHINESE, word=1, font=font)


def chinese_font() -> Path | None:
    """The file of one, as Debian's packages install them."""
    for folder in FONT_FOLDERS:
        for name in CHINESE_FONTS:
            for path in sorted(Path(folder).expanduser().rglob(name)):
                if path.suffix.lower() in {".ttf", ".ttc", ".otf"}:
                    return path
    return None


def worn(page: Image.Image, seed: str) -> Image.Image:
    """The page as a scanner gives it."""
    image, _ = wear(random.Random(f"{seed} worn"), page, [], (255, 255, 255))
    return image.convert("RGB")


def judged(lies: Rotation, found: Rotation) -> str:
    """What became of a page that had been turned by so much."""
    if lies == 0:
        return KINDS[0] if found == 0 else KINDS[1]
    if found == 0:
        return KINDS[3]
    return KINDS[2] if (lies + found) % 360 == 0 else KINDS[4]


def main() -> None:
    """Count, print, and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=100, help="of pages of each kind")
    parser.add_argument("--print", action="store_true", help="leave docs/parsing.md as it is")
    args = parser.parse_args()
    lines = [f"| pages | {' | '.join(KINDS)} |", f"|---|{'--:|' * len(KINDS)}"]
    spent, n_looks = 0.0, 0
    for name, source in sources():
        for is_worn in (False, True):
            counts: Counter[str] = Counter()
            for number in range(args.count):
                seed = f"orientation {number}"
                page = worn(source(seed), seed) if is_worn else source(seed)
                for lies in ROTATIONS:
                    pixels = turned(np.asarray(page), lies)
                    begin = time.process_time()
                    found = page_rotation(pixels)
                    spent, n_looks = spent + time.process_time() - begin, n_looks + 1
                    counts[judged(lies, found)] += 1
            cells = " | ".join(str(counts[kind]) for kind in KINDS)
            lines.append(f"| {name}{', worn' * is_worn} | {cells} |")
            print(lines[-1], flush=True)
    lines += ["", f"Looking takes {1000 * spent / n_looks:.0f} ms of processor time a page."]
    print(lines[-1])
    if not args.print:
        write_speed("parsing", lines, part="orientation", by="orientation")


if __name__ == "__main__":
    main()
