# SPDX-License-Identifier: Apache-2.0
"""Paint pages into a folder, with their truth beside them.

    python scripts/make_pages.py --out PAGES --count 20 [--held-out] [--html] [--worn] [--draw]

``NAME.png`` and ``NAME.json`` (regions in reading order: label, box in pixels, text, cells, LaTeX);
with ``--draw`` also ``NAME-regions.png``.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from pages.labels import ID
from pages.maker import Page, make
from pages.worn import wear

if TYPE_CHECKING:
    from collections.abc import Callable


def truth(page: Page) -> list[dict[str, object]]:
    """The regions as JSON."""
    return [
        {"label": r.label, "box": r.box, "text": r.lines, "cells": r.cells, "latex": r.latex}
        for r in page.regions
    ]


def worn(page: Page, seed: str) -> Page:
    """The page as it comes back from a scanner."""
    boxes = [r.box for r in page.regions if r.box]
    image, moved = wear(random.Random(seed + " worn"), page.image, boxes, page.paper)
    regions = [replace(r, box=b) for r, b in zip(page.regions, moved, strict=True)]
    return replace(page, image=image.convert("RGB"), regions=regions)


def drawn(page: Page) -> Image.Image:
    """The page with its boxes, coloured by class and numbered in reading order."""
    image = page.image.copy()
    draw = ImageDraw.Draw(image)
    for i, region in enumerate(page.regions):
        assert region.box is not None
        hue = ID[region.label] * 47 % 360
        draw.rectangle(region.box, outline=f"hsl({hue}, 90%, 45%)", width=2)
        draw.text(region.box[:2], f"{i} {region.label}", fill=f"hsl({hue}, 90%, 35%)")
    return image


def main() -> None:
    """Paint them."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", default="pages")
    p.add_argument("--held-out", action="store_true", help="templates and faces of the evaluation")
    p.add_argument("--html", action="store_true", help="set by WeasyPrint instead of painted")
    p.add_argument("--worn", action="store_true", help="turned, grey, shadowed, blurred, noisy")
    p.add_argument("--draw", action="store_true", help="also write them with boxes and order")
    args = p.parse_args()
    maker: Callable[..., Page] = make
    if args.html:
        from pages import typeset  # noqa: PLC0415 - needs WeasyPrint

        maker = typeset.make
    args.out.mkdir(parents=True, exist_ok=True)
    for i in range(args.count):
        seed = f"{args.seed} {i}"
        page = maker(seed, held_out=args.held_out)
        page = worn(page, seed) if args.worn else page
        page.image.save(args.out / f"{i:05}.png")
        (args.out / f"{i:05}.json").write_text(json.dumps(truth(page)), encoding="utf-8")
        if args.draw:
            drawn(page).save(args.out / f"{i:05}-regions.png")


if __name__ == "__main__":
    main()
