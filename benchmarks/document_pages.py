# SPDX-License-Identifier: Apache-2.0
"""The pages that documents are measured on: painted by the project, so what they say is known."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pypdfium2 import PdfDocument

from model_files import ROOT
from ppocrvl.layout.region import Region
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.plan import plan_page
from ppocrvl.requests.tasks import TASKS

sys.path.append(str(ROOT / "scripts"))

from pages import truth
from pages.maker import Page, make
from pages.prose import BULLETS
from pages.worn import wear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETS = ("painted", "painted, worn", "set from HTML", "set from HTML, worn")
BLOCKS = (13, 17)
"""Of a page whose reading is timed: at least, at most."""
LONG_SIDE = 1684
"""Pixels: of A4 at 144 dpi, as `ppocrvl parse` renders it."""
EVERYTHING: frozenset[str] = frozenset()
BESIDE_TEXT = frozenset(("table", "display_formula", *truth.UNREAD))
_SIGNS = frozenset((*BULLETS, "*", "-", "+", "·"))


@dataclass(frozen=True)
class TruePage:
    """A page that was written as a picture.

    Attributes:
        path: of the picture.
        words: all that stands on it, headers and footers too.
        markdown: the same as a perfect parser has it.
        is_text: whether it has no tables, formulas and figures.
    """

    path: Path
    words: str
    markdown: str
    is_text: bool


def make_set(name: str, n: int, folder: Path) -> list[TruePage]:
    """Pages of templates and faces that no model of the project was trained on."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for number in range(n):
        page = _page(name, f"documents {number}")
        path = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{number:03}.png"
        if not path.exists():
            _save(page.image, path)
        document = truth.document(path.name, [page])
        labels = {region.label for region in page.regions}
        pages.append(
            TruePage(
                path,
                bare(truth.words(page, EVERYTHING)),
                document.to_markdown(leave_out=EVERYTHING),
                not labels & BESIDE_TEXT,
            )
        )
    return pages


def long_pdf(n_pages: int, folder: Path) -> Path:
    """A PDF of so many pages, of documents that WeasyPrint sets; made if it is not there.

    Raises:
        ImportError: WeasyPrint is not installed.
    """
    from pages import typeset  # noqa: PLC0415 - needs WeasyPrint

    path = folder / f"long-{n_pages}.pdf"
    if not path.exists():
        with PdfDocument.new() as whole:
            for number in count():
                if len(whole) == n_pages:
                    break
                pdf, pages = typeset.make_document(f"long {number}", held_out=True)
                with PdfDocument(pdf) as part:
                    whole.import_pages(part, list(range(min(len(pages), n_pages - len(whole)))))
            aside = path.with_suffix(".part")
            whole.save(aside)
        aside.rename(path)
    return path


def bare(text: str) -> str:
    """The words of a text, without signs before the items of lists."""
    return " ".join(word for word in text.split() if word not in _SIGNS)


def timed_pages(n: int, folder: Path) -> list[dict[str, Any]]:
    """Pages of some 15 blocks: picture, true regions, and each block's crop and prompt."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for number in count():
        if len(found) == n:
            break
        page = make(f"timed {number}")
        scale = LONG_SIDE / max(page.image.size)
        image = page.image.convert("RGB").resize([round(scale * side) for side in page.image.size])
        told_regions = enumerate(truth.told(page))
        regions = [_region(one, order, scale) for order, one in told_regions]
        pixels = np.asarray(image)
        plan = plan_page(pixels, regions, ParseOptions().blocks_for(_NoModel()))  # type: ignore[arg-type]
        requests = [request for block in plan for request in block.requests]
        if not BLOCKS[0] <= len(requests) <= BLOCKS[1]:
            continue
        stem = f"timed-{number:03}"
        _save(image, folder / f"{stem}.png")
        crops = []
        for i, request in enumerate(requests):
            path = folder / f"{stem}-{i:02}.png"
            _save(Image.fromarray(np.asarray(request.image)), path)
            crops.append((str(path), TASKS[str(request.task)].prompt))
        told = [(one.label, one.box) for one in regions]
        found.append({"page": str(folder / f"{stem}.png"), "regions": told, "crops": crops})
    return found


class _NoModel:
    """Blocks for it are not cut into strips."""


def _page(name: str, seed: str) -> Page:
    if name.startswith("set from HTML"):
        from pages import typeset  # noqa: PLC0415 - needs WeasyPrint

        page = typeset.make(seed, held_out=True)
    else:
        page = make(seed, held_out=True)
    if not name.endswith("worn"):
        return page
    image, _ = wear(random.Random(f"{seed} worn"), page.image, [], page.paper)
    return replace(page, image=image.convert("RGB"))


def _region(region: Any, order: int, scale: float) -> Region:  # noqa: ANN401 - the painter's
    x0, y0, x1, y1 = (round(scale * edge) for edge in region.box)
    return Region.of_box(region.label, 1.0, (x0, y0, x1, y1), order)


def _save(image: Image.Image, path: Path) -> None:
    aside = path.with_suffix(".part")
    image.save(aside, format="PNG")
    aside.rename(path)


def installed_sets() -> Iterator[str]:
    """Those that can be made here."""
    try:
        from pages import typeset  # noqa: F401, PLC0415 - asked whether it is there
    except ImportError:
        yield from (name for name in SETS if name.startswith("painted"))
    else:
        yield from SETS
