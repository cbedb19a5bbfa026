# SPDX-License-Identifier: Apache-2.0
"""Where words are placed, beside where they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from tests.document.made import block, page, picture, table

from ppocrvl.document.placing import PlacedLine, place
from ppocrvl.document.types import Block, BlockLine, PageData
from ppocrvl.document.word_gaps import empty_spans, find_spaces
from ppocrvl.parsing.sources.opening import open_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

POINTS = 3.0
"""That a word may be off."""
DPI = 144.0
COLUMN = 40.0
"""Pixels between two words from which on they stand in different cells or columns."""

Word = tuple[str, tuple[float, float, float, float]]


def lines_of(block: Block, pixels: NDArray[np.uint8] | None = None) -> tuple[PlacedLine, ...]:
    return place(page(block), pixels)[0].lines


def typed(texts: Sequence[str], size: int = 30, justified: int = 0) -> tuple[Any, list[list[Word]]]:
    """A picture of lines of text, and where their words stand."""
    font = ImageFont.load_default(size)
    image = Image.new("RGB", (1200, 60 + len(texts) * 2 * size), "white")
    draw = ImageDraw.Draw(image)
    true = []
    for row, text in enumerate(texts):
        x, y = 40.0, 30 + row * 2 * size
        words = []
        for word in text.split():
            draw.text((x, y), word, "black", font)
            words.append((word, tuple(map(float, draw.textbbox((x, y), word, font)))))
            x += font.getlength(word) + font.getlength(" ") + justified
        true.append(words)
    return np.asarray(image), true  # type: ignore[return-value]


def around(words: Sequence[Word]) -> tuple[int, int, int, int]:
    boxes = np.array([box for _, box in words])
    low, high = np.floor(boxes[:, :2].min(axis=0)), np.ceil(boxes[:, 2:].max(axis=0))
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def farthest(lines: Sequence[PlacedLine], true: Sequence[Sequence[Word]]) -> float:
    """In pixels: how far the ends of a word are off at most."""
    assert [[word.text for word in line.words] for line in lines] == [
        [text for text, _ in words] for words in true
    ]
    off = [
        abs(placed.box[side] - box[side])
        for line, words in zip(lines, true, strict=True)
        for placed, (_, box) in zip(line.words, words, strict=True)
        for side in (0, 2)
    ]
    return max(off)


TEXTS = ("Minimum will it illicit", "WWW iii mmm lll", "a b c d e f", "One", "x, y; z. (Q)")


@pytest.mark.parametrize("justified", [0, 11])
def test_words_of_lines_that_were_found(justified: int) -> None:
    pixels, true = typed(TEXTS, justified=justified)
    lines = tuple(
        BlockLine(text, 0.9, 0.8, around(words)) for text, words in zip(TEXTS, true, strict=True)
    )
    placed = lines_of(block(0, "text", "\n".join(TEXTS), lines=lines), pixels)
    assert farthest(placed, true) <= 4  # of a letter's own edge; the font's is a little wider
    assert {line.confidence for line in placed} == {0.9}
    assert placed[0].text == TEXTS[0]


def test_lines_are_found_where_nobody_did_before() -> None:
    pixels, true = typed(TEXTS)
    box = (0, 0, pixels.shape[1], pixels.shape[0])
    found = lines_of(replace(block(0, "text", "\n".join(TEXTS)), box=box), pixels)
    assert farthest(found, true) <= 4
    flowing = lines_of(replace(block(0, "text", " ".join(TEXTS)), box=box), pixels)
    assert len(flowing) == len(TEXTS)
    assert " ".join(line.text for line in flowing) == " ".join(TEXTS)


def test_the_picture_of_the_page_is_used() -> None:
    one = block(0, "text", "a b")
    with_image = page(one, image=picture("page-1.jpg", (100, 200)))
    assert [line.text for line in place(with_image)[0].lines] == ["a b"]


def test_without_a_picture() -> None:
    (line,) = lines_of(block(1, "text", "ill WWW"))
    first, second = line.words
    assert (first.box[0], second.box[2]) == (10, 190)
    assert first.box[2] - first.box[0] < (second.box[2] - second.box[0]) / 2
    assert first.box[2] < second.box[0]
    assert lines_of(block(0, "text")) == ()
    assert lines_of(replace(block(0, "text", "x"), box=(5, 5, 5, 9))) == ()


def test_formulas_have_no_brackets() -> None:
    (line,) = lines_of(block(0, "text", r"a \(x^2\) b"))
    assert line.text == "a x^2 b"
    (line,) = lines_of(block(0, "display_formula", "x\n^2", latex="x\n^2"))
    assert line.text == "x ^2"


def drawn_table(*, frame: bool) -> tuple[Any, list[list[Word]]]:
    font = ImageFont.load_default(20)
    image = Image.new("RGB", (700, 200), "white")
    draw = ImageDraw.Draw(image)
    rows = (("Name", 20, "Price", 300), ("A long name", 20, "$2", 390), ("Nut", 20, "100", 380))
    true = []
    for r, (left, x0, right, x1) in enumerate(rows):
        for text, begin in ((left, x0), (right, x1)):
            x, words = begin, list[Word]()
            for word in text.split():
                draw.text((x, 15 + 60 * r), word, "black", font)
                words.append((word, draw.textbbox((x, 15 + 60 * r), word, font)))
                x += int(font.getlength(word + " "))
            true.append(words)
        if frame:
            draw.rectangle((4, 60 * r + 2, 600, 60 * r + 62), outline="black", width=2)
            draw.line((250, 60 * r + 2, 250, 60 * r + 62), "black", 2)
    return np.asarray(image), true


HTML = (
    "<table><tr><td>Name</td><td>Price</td></tr><tr><td>A long name</td><td>$2</td></tr>"
    "<tr><td>Nut</td><td>100</td></tr></table>"
)


@pytest.mark.parametrize("frame", [False, True])
def test_cells_of_a_table(*, frame: bool) -> None:
    pixels, true = drawn_table(frame=frame)
    placed = lines_of(replace(table(0, HTML), box=(0, 0, 700, 200)), pixels)
    assert farthest(placed, true) <= 4


def test_cells_without_a_picture() -> None:
    placed = lines_of(table(0, HTML))
    assert [line.text for line in placed] == ["Name", "Price", "A long name", "$2", "Nut", "100"]
    assert placed[0].box[3] <= placed[2].box[1] + 1
    assert placed[0].box[2] < placed[1].box[0]


BOXES = st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 90), st.integers(1, 90))


@given(st.text("a b\n\\()<é漢", max_size=40), BOXES, st.sampled_from(["text", "formula", "table"]))
def test_words_are_in_order_and_within_their_line(
    text: str, sides: tuple[int, int, int, int], label: str
) -> None:
    x, y, width, height = sides
    html = f"<table><tr><td>{text}</td><td>{text}</td></tr></table>" if label == "table" else None
    latex = text if label == "formula" else None
    one = replace(block(0, label, text, html=html, latex=latex), box=(x, y, x + width, y + height))
    for pixels in (None, np.full((200, 200, 3), 255, np.uint8)):
        for line in lines_of(one, pixels):
            edges = [side for word in line.words for side in (word.box[0], word.box[2])]
            assert edges == sorted(edges)
            assert line.box[0] - 1e-6 <= edges[0] <= edges[-1] <= line.box[2] + 1e-6
            assert all(word.text and " " not in word.text for word in line.words)


def test_gaps() -> None:
    columns = np.array([0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0], bool)
    assert empty_spans(columns) == [(4.0, 5.0), (6.0, 9.0)]
    assert empty_spans(~columns) == [(2.0, 4.0), (5.0, 6.0), (9.0, 10.0)]
    assert empty_spans(np.zeros(4, bool)) == []
    assert empty_spans(np.zeros(0, bool)) == []


SORTED_GAPS = st.lists(st.integers(0, 400), max_size=20, unique=True).map(
    lambda ends: [
        (float(a), float(b)) for a, b in zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False)
    ]
)


@given(SORTED_GAPS, SORTED_GAPS, st.integers(1, 60))
def test_as_many_spaces_as_expected(
    expected: list[tuple[float, float]], gaps: list[tuple[float, float]], height: int
) -> None:
    found = find_spaces(expected, gaps, height)
    assert len(found) == len(expected)
    assert set(found) <= {*gaps, *expected}
    assert found == sorted(found)


def true_lines(characters: Sequence[Any]) -> Iterator[list[Word]]:
    """Words of a text layer, line by line."""
    line: list[Word] = []
    text, boxes = "", []
    for one in [*characters, None]:
        if one is not None and not one.text.isspace() and one.box[2] > one.box[0]:
            text += one.text
            boxes.append(one.box)
            continue
        if boxes:
            low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
            word = (text, (low[0], low[1], high[0], high[1]))
            before = line[-1][1] if line else None
            if before is not None and (
                word[1][0] < before[2]
                or word[1][0] > before[2] + COLUMN
                or word[1][1] > before[3]
                or word[1][3] < before[1]
            ):
                yield line
                line = []
            line.append(word)
        text, boxes = "", []
    if line:
        yield line


def words_off(pdf: Path | bytes) -> list[float]:
    """In points: how far words are off that are placed by their lines alone."""
    off = []
    with open_document(pdf, dpi=DPI) as source:
        for index in range(source.n_pages):
            shown = source.render(index)
            height, width = shown.pixels.shape[:2]
            for words in true_lines(source.text_layer(index)):
                line = BlockLine(" ".join(text for text, _ in words), 1.0, 1.0, around(words))
                data = PageData(
                    index, width, height, DPI, blocks=(block(0, "text", lines=(line,)),)
                )
                (placed,) = place(data, shown.pixels)[0].lines
                off += [
                    abs(word.box[side] - box[side]) * 72 / DPI
                    for word, (_, box) in zip(placed.words, words, strict=True)
                    for side in (0, 2)
                ]
    return off


def test_words_of_a_typeset_page(samples: Path) -> None:
    off = words_off(samples / "paper.pdf")
    assert len(off) > 400
    assert max(off) <= POINTS
