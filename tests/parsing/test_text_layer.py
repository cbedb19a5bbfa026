# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - kinds of signs are meant
"""When a block is taken from the text layer of its document."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.parsing.made import region

from ppocrvl.parsing.finish import block_from_layer
from ppocrvl.parsing.plan import PlannedBlock
from ppocrvl.parsing.text_layer import LayerLine, agrees, layer_lines, sample

BOX = (0, 0, 200, 100)


@dataclass(frozen=True)
class Letter:
    text: str
    box: tuple[float, float, float, float]
    mapped: bool = True


def letters(text: str, x: float = 5.0, y: float = 10.0) -> list[Letter]:
    """Letters side by side, 8 pixels each; white space of no size."""
    made = []
    left = x
    for line in text.split("\n"):
        for i, one in enumerate(line):
            left = x + 8 * i
            size = 0 if one.isspace() else 7
            made.append(Letter(one, (left, y, left + size, y + size * 1.5)))
        made.append(Letter("\n", (left, y, left, y)))
        y += 15
    return made


def test_lines_come_with_their_places() -> None:
    lines = layer_lines(BOX, letters("two words\nnext"))
    assert lines == [
        LayerLine("two words", (5, 10, 76, 21)),
        LayerLine("next", (5, 25, 36, 36)),
    ]


def test_what_lies_elsewhere_is_not_taken() -> None:
    characters = [*letters("other", y=300), *letters("mine"), *letters("too", x=400)]
    assert layer_lines(BOX, characters) == [LayerLine("mine", (5, 10, 36, 21))]


def test_ligatures_are_letters() -> None:
    lines = layer_lines(BOX, letters("eﬀect oﬃce"))
    assert lines is not None
    assert lines[0].text == "effect office"


@pytest.mark.parametrize("text", ["", " ", "x \ufffd", "a\ue001b", "∑ x", "x \u2208 A", "x\x02"])
def test_what_cannot_be_trusted(text: str) -> None:
    assert layer_lines(BOX, letters(text)) is None


def test_letters_that_are_not_mapped_are_not_trusted() -> None:
    assert layer_lines(BOX, [Letter("x", (5, 5, 12, 15), mapped=False)]) is None


def test_plain_signs_are_trusted() -> None:
    assert layer_lines(BOX, letters("1 + 1 = 2 ± 0 × 3"))


def test_letters_that_the_box_cuts_are_not_trusted() -> None:
    assert layer_lines((0, 16, 200, 100), letters("cut\nwhole")) is None
    assert layer_lines((0, 22, 200, 100), letters("above\nwhole")) is not None


def test_the_sample_is_spread_over_the_page() -> None:
    texts = {i: "x" * (1 + i % 10) for i in range(40)}
    assert sample(texts) == [9, 19, 29, 39]
    assert sample({3: "a"}) == [3]
    assert sample({3: "a", 5: "bb", 6: "c"}) == [3, 5]
    assert sample({}) == []


def test_the_layer_agrees_with_the_model() -> None:
    assert agrees([("“A well-\nknown fact”", '"A well-known fact"')])
    assert agrees([("A text of some words", "A text of some w0rds"), ("x" * 99, "x" * 99)])


def test_the_layer_does_not_agree() -> None:
    assert not agrees([])
    assert not agrees([("Uif dbu", "The cat")])
    assert not agrees([("a" * 500, "a" * 500), ("wrong words", "right text!")])


def test_many_blocks_that_differ_a_little_do_not_agree() -> None:
    """Each is alike enough alone."""
    pair = ("abcdefghij" * 9, "abcdefgh__" * 9)
    assert not agrees([pair] * 3)
    assert agrees([pair, ("x" * 2000, "x" * 2000)])


def test_a_block_from_the_layer_says_so() -> None:
    planned = PlannedBlock(0, region("text", BOX), (0.0, 0.0, 100.0, 50.0), task="ocr")
    block = block_from_layer(planned, [LayerLine("a", (1, 2, 3, 4)), LayerLine("b", (1, 5, 3, 8))])
    assert (block.text, block.source, block.attempts) == ("a\nb", "text-layer", 0)
    assert (block.finish_reason, block.confidence, block.error) == ("stop", 1.0, None)
    assert block.lines[1].box == (1, 5, 3, 8)
