# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001, SIM905 - Chinese punctuation is meant; lists of words are read as text
"""Inputs of the steps of parsing, made from a seed: random ones, and such as pages give.

`scripts/make_parsing_golden.py` gives them to PaddleX, the tests to our own functions. All numbers
come from `Random.random()`, whose values for a seed no version of Python changes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
Box: TypeAlias = tuple[int, int, int, int]

N_RANDOM, N_REAL = 2000, 200

SENTENCES = (
    "The encoder sees the picture in patches of fourteen pixels",
    "Prices rose from $12.50 to $14 within a year",
    r"where \( x_i \) is the weight of row \(i\) and $ is a dollar",
    r"so that \[ E = mc^2 \] holds for all \( v < c \)",
    "Die Länge beträgt 3,5 m; größer wäre besser",
    "本文提出了一种新的方法，用于文档解析",
    "see Section 2.1 and Table 3",
    'He said: "it\'s done" & left <at once>',
    "e.g. 1 | 2 | 3",
    "",
)
LABELS = (
    "text text text text text text text paragraph_title image table chart display_formula seal "
    "figure_title formula_number number header footer abstract reference_content vision_footnote "
    "algorithm inline_formula aside_text doc_title content footnote vertical_text header_image"
).split()
WORDS = (
    "Introduction|Methods|REFERENCES:|Related Work|结论|A. Letters|B) More|I. Roman|iv) small|IX|"
    "1 First|1.1 Second|1.2.3 Third|2. Two|(3) Bracket|（2）宽|4) half|一、中文|第二章 方法|"
    "三个问题|十二 数|Hello world|V model of things|2024 in numbers|Data|abstract|"
    "Topic analysis：|12)|1．点"
).split("|")


class Chance:
    """Choices from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, n: int) -> int:
        return int(self._random.random() * n)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def of(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def yes(self, share: float) -> bool:
        return self._random.random() < share


# Answers ------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What a model wrote about a region."""

    label: str
    text: str


def _random_answer(c: Chance) -> Answer:
    kind = c.below(6)
    if kind == 0:
        unit = "".join(c.of("ab ,.x中") for _ in range(c.between(1, 14)))
        text = "".join(c.of("abc ") for _ in range(c.below(60))) + unit * c.between(3, 40)
    elif kind == 1:
        lines = [c.of(("same line", "same line", "same line", "other", "")) for _ in range(30)]
        text = "\n".join(lines[: c.between(5, 30)])
    elif kind == 2:
        text = "".join(c.of(("\\(", "\\)", "\\[", "\\]", "x", " ", "\n", "y^2")) for _ in range(20))
    elif kind == 3:
        text = "".join(c.of("ab\n ") for _ in range(c.below(200)))
    elif kind == 4:
        text = c.of((" ", "", "\n")) + "ab" * c.between(1, 60) + c.of((" ", "", "a"))
    else:
        text = "".join(c.of("$\\()[] ab1") for _ in range(c.below(40)))
    return Answer(c.of(("text", "formula_number", "abstract", "paragraph_title")), text)


def _real_answer(c: Chance) -> Answer:
    text = "\n".join(c.of(SENTENCES) for _ in range(c.between(1, 12)))
    if c.yes(0.2):
        text += c.of(SENTENCES[:3]) * c.between(4, 12)
    if c.yes(0.1):
        return Answer("formula_number", rf"\( ({c.between(1, 99)}) \)")
    return Answer("text", text)


_TAGS = ("<fcel>", "<fcel>", "<fcel>", "<ecel>", "<lcel>", "<ucel>", "<xcel>", "<nl>", "<nl>")


def _random_table(c: Chance) -> str:
    parts = []
    for _ in range(c.below(40)):
        parts.append(c.of(_TAGS))
        if parts[-1] == "<fcel>" and c.yes(0.95):
            parts.append(c.of(("a", "b c", "<&>", "1", "\n", " x ")))
    return "".join(parts)


def _real_table(c: Chance) -> str:
    width, height = c.between(1, 7), c.between(1, 12)
    across = {r: c.between(0, width - 1) for r in range(height) if c.yes(0.2)}
    rows = []
    for r in range(height):
        row = ["<fcel>" + (c.of(SENTENCES).replace("\n", " ") or "-") for _ in range(width)]
        if c.yes(0.1):
            row[c.below(width)] = "<ecel>"
        if across.get(r):
            row[across[r]] = "<lcel>"
        if r and c.yes(0.1):
            row[0] = "<ucel>"
        if c.yes(0.05):
            row = row[: c.between(1, width)]
        rows.append("".join(row) + "<nl>")
    text = "".join(rows)
    return text[: c.between(len(text) // 2, len(text))] if c.yes(0.1) else text


def _random_spots(c: Chance) -> str:
    tokens = ("<|LOC_{}|>", "word ", "\n", "<|LOC_BEGIN|>", "<|LOC_END|>", "<|TEXT_START|>")
    marks = (*tokens, "<|LOC_{}|>", "<|LOC_{}|>", "<|LOC_{}|>", "<|TEXT_END|>")
    return "".join(c.of(marks).format(c.below(1001)) for _ in range(c.below(60)))


def _real_spots(c: Chance) -> str:
    spots = []
    for _ in range(c.between(0, 12)):
        place = "".join(f"<|LOC_{c.below(1001)}|>" for _ in range(8))
        text = c.of(SENTENCES)
        if c.yes(0.1):
            spots.append(f"<|TEXT_START|>{text}<|TEXT_END|><|LOC_BEGIN|>{place}<|LOC_END|>")
        else:
            spots.append(f"{text}{place}\n")
    return "".join(spots)


# Pages --------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """Blocks of a page in reading order."""

    boxes: list[Box]
    labels: list[str]


def _random_layout(c: Chance) -> Layout:
    boxes, labels = [], []
    for _ in range(c.between(1, 12)):
        x, y = 5 * c.below(60), 5 * c.below(60)
        boxes.append((x, y, x + c.between(1, 120), y + c.between(1, 150)))
        labels.append(c.of(LABELS))
    return Layout(boxes, labels)


def _real_layout(c: Chance) -> Layout:
    """Columns of blocks, some cut in by figures, some set around them."""
    n_columns, width = c.between(1, 3), 1200
    column = (width - 100 - 40 * (n_columns - 1)) // n_columns
    boxes, labels = [(50, 40, width - 50, 90)], ["doc_title"]
    for i in range(n_columns):
        left, y = 50 + i * (column + 40), 120
        while y < 1500:
            height = c.between(30, 400)
            label = "text" if c.yes(0.7) else c.of(LABELS)
            if label == "text" and c.yes(0.3):
                middle = left + column * c.between(3, 7) // 10
                boxes += [
                    (left, y, middle - 10, y + height // 2),
                    (middle, y, left + column, y + height),
                ]
                boxes.append(
                    (left + c.between(-6, 6), y + height // 2 + 5, middle - 10, y + height)
                )
                labels += ["text", c.of(("image", "text", "chart")), "text"]
            else:
                boxes.append(
                    (left + c.between(-3, 3), y, left + column + c.between(-3, 3), y + height)
                )
                labels.append(label)
            y += height + c.between(5, 40)
    return Layout(boxes, labels)


class Outline(NamedTuple):
    """A polygon in a small box."""

    size: tuple[int, int]
    points: list[tuple[float, float]]


def _random_outline(c: Chance) -> Outline:
    """Without crossings, as those of a mask are."""
    width, height = c.between(4, 24), c.between(4, 24)
    points = [(c.between(-2, width + 2), c.between(-2, height + 2)) for _ in range(c.between(3, 7))]
    points.sort(key=lambda point: math.atan2(point[1] - height / 2, point[0] - width / 2))
    return Outline((width, height), [(float(x), float(y)) for x, y in points])


def _real_outline(c: Chance) -> Outline:
    """A region slightly turned or cut at a corner."""
    width, height = c.between(10, 40), c.between(6, 24)
    tilt, cut = c.between(0, 4), c.between(0, height // 2)
    points = [
        (0, tilt),
        (width - tilt, 0),
        (width, height - tilt - cut),
        (width // 2, height - cut),
    ]
    return Outline((width, height), [(float(x), float(y)) for x, y in [*points, (tilt, height)]])


class Ink(NamedTuple):
    """A small picture: paper, and rectangles of a colour each."""

    size: tuple[int, int]
    paper: tuple[int, int, int]
    marks: list[tuple[Box, tuple[int, int, int]]]


def _colour(c: Chance, low: int, high: int) -> tuple[int, int, int]:
    return c.between(low, high), c.between(low, high), c.between(low, high)


def _ink(c: Chance, paper: tuple[int, int, int], darkest: int, brightest: int) -> Ink:
    width, height = c.between(3, 40), c.between(3, 30)
    marks = []
    for _ in range(c.below(4)):
        x, y = c.below(width), c.below(height)
        box = (x, y, c.between(x + 1, width), c.between(y + 1, height))
        marks.append((box, _colour(c, darkest, brightest)))
    return Ink((width, height), paper, marks)


def _random_ink(c: Chance) -> Ink:
    return _ink(c, _colour(c, 0, 255), 0, 255)


def _real_ink(c: Chance) -> Ink:
    return _ink(c, _colour(c, 235, 255), 0, 90)


class Sizes(NamedTuple):
    """Pictures to be stacked: (width, height) of each, and how each after the first is aligned."""

    sizes: list[tuple[int, int]]
    aligns: list[str]


def _sizes(c: Chance) -> Sizes:
    n = c.between(1, 5)
    sizes = [(c.between(1, 30), c.between(1, 20)) for _ in range(n)]
    return Sizes(sizes, [c.of(("left", "center", "right")) for _ in range(n - 1)])


# Documents ----------------------------------------------------------------------------------------


@dataclass
class Piece:
    """A block of a page."""

    label: str
    box: Box
    text: str


def _rows(c: Chance, width: int, n_rows: int, cells: Sequence[str]) -> list[str]:
    rows = []
    for _ in range(n_rows):
        row, at = "", 0
        while at < width:
            span = c.between(1, min(2, width - at)) if c.yes(0.15) else 1
            down = ' rowspan="2"' if c.yes(0.05) else ""
            across = f' colspan="{span}"' if span > 1 else ""
            row += f"<td{down}{across}>{c.of(cells)}</td>"
            at += span
        rows.append(f"<tr>{row}</tr>")
    return rows


def _table_pages(c: Chance, *, real: bool) -> list[list[Piece]]:
    cells = ("1", "2.5", "Total", "a &amp; b", "（x）", "(x)", "Na me", "Name", "")
    around = ("text", "number", "footer", "header", "seal", "footnote", "header_image")
    width, head = c.between(1, 4), c.between(0, 3)
    header = _rows(c, width, head, cells)
    pages = []
    for _ in range(c.between(2, 4)):
        page = []
        if c.yes(0.4):
            page.append(Piece(c.of(around[1:4] if real else around), (0, 0, 100, 10), "x"))
        for _ in range(1 if real else c.below(3)):
            own = width if c.yes(0.7) else c.between(1, 4)
            rows = _rows(c, own, c.between(1, 5), cells)
            if c.yes(0.5) and own == width:
                rows = header + rows
            right = 600 + (c.between(0, 30) if c.yes(0.8) else c.between(0, 200))
            page.append(Piece("table", (0, 20, right, 300), f"<table>{''.join(rows)}</table>"))
        if c.yes(0.4):
            page.append(Piece(c.of(around[1:3] if real else around), (0, 310, 100, 320), "x"))
        pages.append(page)
    return pages


class Heading(NamedTuple):
    """A heading and its box."""

    text: str
    box: Box


def _random_headings(c: Chance) -> list[Heading]:
    headings = []
    for _ in range(c.between(1, 14)):
        text = "\n".join(c.of(WORDS) for _ in range(c.between(1, 2)))
        headings.append(Heading(text, (10, 10, 10 + c.between(20, 400), 10 + c.between(8, 90))))
    return headings


def _real_headings(c: Chance) -> list[Heading]:
    """Sections and sections within them, of four sizes, measured with an error of some pixels."""
    sizes = (40, 30, 24, 20)
    numbered, headings = c.yes(0.6), []
    for section in range(1, c.between(2, 7)):
        for depth in range(c.between(1, 3)):
            number = ".".join(["1"] * depth + [str(section)])
            text = f"{number} {c.of(SENTENCES)[:20]}" if numbered else c.of(WORDS)
            height = sizes[depth] + c.between(-2, 2)
            headings.append(Heading(text.strip() or "-", (50, 100, 550, 100 + height)))
    return headings


def _both(
    random_case: Callable[[Chance], Any], real_case: Callable[[Chance], Any], seed: int
) -> Iterator[Any]:
    for i in range(N_RANDOM):
        yield random_case(Chance(seed * 100_000 + i))
    for i in range(N_REAL):
        yield real_case(Chance(seed * 100_000 + 50_000 + i))


def answers() -> Iterator[Answer]:
    return _both(_random_answer, _real_answer, 1)


def tables() -> Iterator[str]:
    return _both(_random_table, _real_table, 2)


def spots() -> Iterator[str]:
    return _both(_random_spots, _real_spots, 3)


def layouts() -> Iterator[Layout]:
    return _both(_random_layout, _real_layout, 4)


def outlines() -> Iterator[Outline]:
    return _both(_random_outline, _real_outline, 5)


def inks() -> Iterator[Ink]:
    return _both(_random_ink, _real_ink, 6)


def stacks() -> Iterator[Sizes]:
    return _both(_sizes, _sizes, 7)


def table_pages() -> Iterator[list[list[Piece]]]:
    return _both(lambda c: _table_pages(c, real=False), lambda c: _table_pages(c, real=True), 8)


def headings() -> Iterator[list[Heading]]:
    return _both(_random_headings, _real_headings, 9)
