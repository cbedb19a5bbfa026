# SPDX-License-Identifier: Apache-2.0
"""Paint pages into a folder, with their truth beside them.

    python scripts/make_pages.py --out PAGES --count 20 [--held-out] [--html] [--worn] [--draw]
    python scripts/make_pages.py --out DOCUMENTS --count 5 --pdf

``NAME.png`` (or ``.pdf``, of several pages), ``NAME.md`` and ``NAME.json``: what a perfect parser
gives (docs/document.schema.json); with ``--draw`` also ``NAME-regions.png``. ``dataset.jsonl``
names them all, for ``ppocrvl eval``.
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
from pages.truth import document
from pages.worn import wear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


def write(folder: Path, name: str, pages: Sequence[Page], pdf: bytes | None) -> None:
    """The document and its truth."""
    true = document(name, pages)
    if pdf is None:
        pages[0].image.save(folder / name)
    else:
        (folder / name).write_bytes(pdf)
    stem = Path(name).stem
    (folder / f"{stem}.md").write_text(true.to_markdown(), encoding="utf-8")
    (folder / f"{stem}.json").write_text(true.to_json(), encoding="utf-8")


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
    p.add_argument("--pdf", action="store_true", help="whole PDFs, set by WeasyPrint")
    p.add_argument("--worn", action="store_true", help="turned, grey, shadowed, blurred, noisy")
    p.add_argument("--draw", action="store_true", help="also write them with boxes and order")
    args = p.parse_args()
    if args.pdf and args.worn:
        p.error("--worn is for pictures; leave it out with --pdf")
    maker: Callable[..., Page] = make
    if args.html or args.pdf:
        from pages import typeset  # noqa: PLC0415 - needs WeasyPrint

        maker = typeset.make
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(args.count):
        seed, stem = f"{args.seed} {i}", f"{i:05}"
        pdf = None
        if args.pdf:
            pdf, pages = typeset.make_document(seed, held_out=args.held_out)
        else:
            page = maker(seed, held_out=args.held_out)
            pages = [worn(page, seed) if args.worn else page]
        name = f"{stem}.png" if pdf is None else f"{stem}.pdf"
        write(args.out, name, pages, pdf)
        tags = {"template": pages[0].template, "worn": "yes" if args.worn else "no"}
        rows.append({"document": name, "markdown": f"{stem}.md", "tags": tags})
        if args.draw:
            for n, page in enumerate(pages):
                drawn(page).save(args.out / f"{stem}{f'-{n + 1}' * bool(args.pdf)}-regions.png")
    index = "".join(f"{json.dumps(row)}\n" for row in rows)
    (args.out / "dataset.jsonl").write_text(index, encoding="utf-8")


if __name__ == "__main__":
    main()
