# SPDX-License-Identifier: Apache-2.0
"""What is trained when: kinds of pictures and their shares. A sample is a function of its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiny import crops, equations, fonts, grids, render, strips, unreadable, wear
from tiny.families import shelf
from tiny.sizes import MIN_CELLS
from tiny.targets import Sample, finish
from tiny.wording import Author

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tiny.render import Page, Source
    from tiny.tokenizer import Vocabulary

OCR, TABLE, FORMULA = "OCR:", "Table Recognition:", "Formula Recognition:"
PROMPT = {"line": OCR, "block": OCR, "table": TABLE}  # of plain pictures


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        until: the share of the training at which it ends.
        shares: how many of the pictures are of a kind, in any unit.
        most_cells: image tokens of a picture at most.
        worn: the share of the pictures that are not clean.
    """

    until: float
    shares: Mapping[str, float]
    most_cells: float
    worn: float


_ALL = {
    "strip": 53,
    "crop": 6,
    "leader": 2,
    "plain": 7,
    "table": 19,
    "formula": 7,
    "unreadable": 3,
}


@dataclass(frozen=True)
class Plan:
    """A whole training.

    Attributes:
        stages: its parts.
        checked: how many pictures of a kind, in held-out faces, tell how well it goes.
    """

    stages: tuple[Stage, ...]
    checked: Mapping[str, int]

    def stage_at(self, progress: float) -> Stage:
        """The stage of a progress from 0 to 1."""
        return next((s for s in self.stages if progress < s.until), self.stages[-1])


PAGES = Plan(
    (
        Stage(0.06, {"strip": 70, "plain": 30}, 180, 0.2),
        Stage(0.2, {"strip": 62, "leader": 1, "plain": 16, "table": 18, "formula": 3}, 260, 0.4),
        Stage(0.8, _ALL, 330, 0.5),
        Stage(1.0, _ALL, 640, 0.5),
    ),
    {"strip": 24, "table": 8, "formula": 8},
)
# Of a reader of single lines that keeps its size and its characters.
LINES = Plan((Stage(1.0, {"row": 48, "crop": 6, "plain": 46}, 330, 0.4),), {"row": 16})
ALL = PAGES.stages[-1]


def size_of(rng: random.Random, kind: str) -> tuple[int, int]:
    """A random number of cell rows and columns for plain pictures of ``kind``."""
    if kind == "line":
        return (1 if rng.random() < 0.82 else 2), min(36, int(1.5 + rng.expovariate(1 / 10.0)))
    if kind == "block":
        return min(rng.randint(2, 7), rng.randint(2, 7)), rng.randint(5, 18)
    return rng.randint(2, 6), rng.randint(6, 18)


def page(src: Source, kind: str, size: tuple[int, int], *, crowd: int = 1) -> Page:
    """A plain page of ``kind`` on some ``size`` (rows, columns) cells.

    The more ``crowd``, the more lines or table rows there are, and the smaller is their text.
    """
    if kind == "line":
        return render.line(src, size)
    return (render.block if kind == "block" else render.table)(src, size, crowd=crowd)


def _plain(rng: random.Random, *, held_out: bool) -> tuple[Page, str]:
    kind = rng.choice(("line", "block", "block", "table"))  # blocks are the first to be forgotten
    paths = fonts.held_out_fonts() if held_out else fonts.train_fonts()
    drawn = page(render.Source(paths, rng), kind, size_of(rng, kind), crowd=2)
    return drawn, PROMPT[kind]


_STRIPS = {"strip": strips.strip, "row": strips.row, "leader": strips.leader}


def drawn(kind: str, rng: random.Random, most_cells: float, *, held_out: bool) -> tuple[Page, str]:
    """A page of ``kind`` before anything happens to it, and its prompt."""
    faces, author = shelf(held_out=held_out), Author(rng, held_out)
    if kind == "plain":
        return _plain(rng, held_out=held_out)
    if kind in _STRIPS:
        return _STRIPS[kind](author, faces, most_cells), OCR
    if kind == "table":
        return grids.table(author, faces, most_cells), TABLE
    if kind == "formula":
        return equations.formula(rng, faces, most_cells), FORMULA
    return unreadable.picture(rng, held_out=held_out), OCR


def sample(
    seed: str,
    vocabulary: Vocabulary,
    stage: Stage = ALL,
    *,
    kind: str | None = None,
    held_out: bool = False,
) -> Sample:
    """The picture of a seed, of ``kind`` or of one of the stage's."""
    rng = random.Random(seed)
    kinds, shares = zip(*stage.shares.items(), strict=True)
    kind = kind or rng.choices(kinds, shares)[0]
    if kind == "crop":
        picture, shown = crops.crop(rng, held_out=held_out)
        while not vocabulary.writes(shown.units):
            picture, shown = crops.crop(rng, held_out=held_out)
        picture = wear.used(rng, picture) if rng.random() < stage.worn else picture
        return finish(shown, picture, np.eye(3), vocabulary, OCR)
    shown, prompt = drawn(kind, rng, stage.most_cells, held_out=held_out)
    while not vocabulary.writes(shown.units):
        shown, prompt = drawn(kind, rng, stage.most_cells, held_out=held_out)
    if kind == "plain" and rng.random() < 0.5:
        picture = render.photograph(rng, np.random.default_rng(rng.getrandbits(32)), shown)
        return finish(shown, picture, np.eye(3), vocabulary, prompt)
    picture, matrix = wear.picture(rng, shown, worn=stage.worn)
    return finish(shown, picture, matrix, vocabulary, prompt)


def batch(
    seed: int, step: int, budget: int, vocabulary: Vocabulary, stage: Stage = ALL
) -> list[Sample]:
    """The pictures of a step, which no other step has: as many as take ``budget`` image tokens."""
    return list(_filled(seed, step, budget, vocabulary, stage))


def _filled(
    seed: int, step: int, budget: int, vocabulary: Vocabulary, stage: Stage
) -> Iterator[Sample]:
    left, i = float(budget), 0
    while left >= MIN_CELLS / 2:
        found = sample(f"{seed} {step} {i}", vocabulary, stage)
        left -= found.rows * found.cols
        i += 1
        yield found
