# SPDX-License-Identifier: Apache-2.0
"""The pictures that a reader is measured on, and its reading of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pages.maker import make
from tiny import crops, data, decode, equations, fonts, grids, render, strips, unreadable, wear
from tiny.alphabet import nearest
from tiny.families import shelf
from tiny.losses import pixels_of
from tiny.score import distance
from tiny.sizes import smart_resize
from tiny.wording import UNGUESSABLE, Author

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pages.maker import Page as Sheet
    from tiny.model import Reader
    from tiny.render import Page

PARTS = (
    "rows",
    "lines",
    "paragraphs",
    "tables",
    "formulas",
    "unguessable",
    "pages",
    "html",
    "unreadable",
    "plain",
)
SEED = "exam"  # training's seeds begin with a number
MOST_CELLS = 500
TOGETHER = 3000  # image tokens of the pictures that are read together


@dataclass
class Case:
    """One picture, its truth, what was read, and the probability of its least certain token."""

    prompt: str
    picture: Image.Image
    truth: str
    font: str
    size: int
    read: str = ""
    least: float = 1.0

    @property
    def errors(self) -> int:
        """Edit distance between truth and reading; of formulas as they are compared."""
        if self.prompt == data.FORMULA:
            return distance(equations.normalised(self.read), equations.normalised(self.truth))
        return distance(self.read, self.truth)


def _case(page: Page, prompt: str, picture: Image.Image) -> Case:
    truth = "".join(u.text for u in page.units[:-1])
    return Case(prompt, picture, truth, page.font, page.size)


class Exam:
    """Sets of ``count`` pictures each."""

    def __init__(self, count: int) -> None:
        self._count = count

    def sets(self, part: str) -> Iterator[tuple[str, list[Case]]]:
        """The sets of one of ``PARTS``, named."""
        if part == "plain":
            yield from self._plain()
            return
        if part in {"pages", "html"}:
            yield from self._pages(part)
            return
        if part == "unreadable":
            yield part, [self._worn(part, i, 0.5) for i in range(self._count)]
            return
        wears = (("clean", 0.0),) if part == "formulas" else (("clean", 0.0), ("worn", 1.0))
        for how, worn in wears:
            yield f"{part}, {how}", [self._worn(part, i, worn) for i in range(self._count)]

    def _worn(self, part: str, i: int, worn: float) -> Case:
        """A case of held-out faces and texts."""
        rng = random.Random(f"{SEED} {part} {i}")
        page, prompt = _PAINTERS[part](rng)
        return _case(page, prompt, wear.picture(rng, page, worn=worn)[0])

    def _plain(self) -> Iterator[tuple[str, list[Case]]]:
        for name, paths in (
            ("trained fonts", fonts.train_fonts()),
            ("held-out fonts", fonts.held_out_fonts()),
        ):
            for kind in ("line", "block", "table"):
                cases = []
                for i in range(self._count):
                    rng = random.Random(f"{SEED} {kind} {name} {i}")
                    page = data.page(render.Source(paths, rng), kind, data.size_of(rng, kind))
                    noise = np.random.default_rng(rng.getrandbits(32))
                    picture = render.photograph(rng, noise, page)
                    cases.append(_case(page, data.PROMPT[kind], picture))
                yield f"plain {kind}s, {name}", cases

    def _pages(self, part: str) -> Iterator[tuple[str, list[Case]]]:
        """Lines and strips of pages in held-out templates and faces, clean and worn."""
        made: list[tuple[Image.Image, list[str], str]] = []
        n = 0
        while len(made) < self._count:
            page = _sheet(part, f"{SEED} {part} {n}")
            n += 1
            found = [(r, said) for r in page.regions if (said := crops.lines_of(r))]
            for region, said in random.Random(n).sample(found, min(6, len(found))):
                made.append((crops.picture_of(page, region, 2), said, page.template))
        for how in ("clean", "worn"):
            for name, most in (("lines", 1), ("strips", crops.MOST_LINES)):
                cases = []
                for i, (picture, said, template) in enumerate(made[: self._count]):
                    rng = random.Random(f"{SEED} {part} wear {i}")
                    for shown, told in crops.cut(picture, said, most)[:4]:
                        used = wear.used(rng, shown) if how == "worn" else shown.convert("RGB")
                        cases.append(Case(data.OCR, used, told, template, 0))
                yield f"{part}, {name}, {how}", cases[: self._count]


def _sheet(part: str, seed: str) -> Sheet:
    if part == "pages":
        return make(seed, held_out=True, dpis=(144,))
    from pages import typeset  # noqa: PLC0415 - needs WeasyPrint, which most uses do not

    return typeset.make_document(seed, held_out=True, most=1)[1][0]


def _author(rng: random.Random) -> Author:
    return Author(rng, held_out=True)


def _line(rng: random.Random) -> strips.Measure:
    while True:
        found = strips.measure(rng, MOST_CELLS)
        if found.lines == 1:
            return found


def _paragraph(rng: random.Random) -> strips.Measure:
    while True:
        found = strips.measure(rng, MOST_CELLS)
        if found.lines > 1:
            return found


def _strip(
    rng: random.Random, measure: strips.Measure, author: Author | None = None
) -> tuple[Page, str]:
    faces = shelf(held_out=True)
    return strips.strip(author or _author(rng), faces, MOST_CELLS, measure), data.OCR


def _row(rng: random.Random) -> tuple[Page, str]:
    """A line that ASCII can tell."""
    while True:
        page = strips.row(_author(rng), shelf(held_out=True), MOST_CELLS)
        if all(nearest(unit.text) for unit in page.units[:-1]):
            return page, data.OCR


_PAINTERS: dict[str, Callable[[random.Random], tuple[Page, str]]] = {
    "rows": _row,
    "lines": lambda rng: _strip(rng, _line(rng)),
    "paragraphs": lambda rng: _strip(rng, _paragraph(rng)),
    "unguessable": lambda rng: _strip(
        rng,
        (_line if rng.random() < 0.5 else _paragraph)(rng),
        Author(rng, held_out=True, kinds=UNGUESSABLE),
    ),
    "tables": lambda rng: (
        grids.table(_author(rng), shelf(held_out=True), MOST_CELLS),
        data.TABLE,
    ),
    "formulas": lambda rng: (
        equations.formula(rng, shelf(held_out=True), MOST_CELLS),
        data.FORMULA,
    ),
    "unreadable": lambda rng: (unreadable.picture(rng, held_out=True), data.OCR),
}


def read_all(
    reader: Reader, cases: list[Case], limits: tuple[int, int], *, llama_graph: bool = False
) -> None:
    """Fill in what was read, pictures of about the same length of text together.

    Args:
        reader: the model.
        cases: of one prompt.
        limits: least and most pixels of the processor.
        llama_graph: see ``decode.greedy``.
    """
    todo = sorted(cases, key=lambda c: len(c.truth))
    while todo:
        some, pictures, cells = [], [], 0
        while todo and cells < TOGETHER:
            case = todo.pop()
            h, w = smart_resize(case.picture.height, case.picture.width, *limits)
            resized = case.picture.resize((w, h), Image.Resampling.BICUBIC)
            pictures.append(pixels_of(np.asarray(resized)))
            some.append(case)
            cells += h * w // 784
        limit = 2 * len(some[0].truth) + 16
        found = decode.read(reader, pictures, some[0].prompt, limit, llama_graph=llama_graph)
        for case, (said, least) in zip(some, found, strict=True):
            case.read, case.least = said, least
            case.truth = reader.vocabulary.nearest(case.truth)
