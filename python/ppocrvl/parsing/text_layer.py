# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - kinds of quotation marks and signs are meant
"""Which blocks of a page may be taken from the text layer of its document.

A text layer may be missing, a scanner's guess, or letters without a meaning. A block is taken from
it only if (1) what lies in its box are known letters, none of them cut by the box, (2) they are
plain text, for formulas lose their structure there, and (3) the layer of the page says what the
model reads in a sample of such blocks.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ppocrvl.document.types import Box, PointsBox

_CUT = (0.25, 0.75)
"""Share of a letter within a box between which the box cuts it."""
_INSIDE = 0.5
"""Share of a letter within a box from which on it belongs there."""
_CUT_SHARE = 0.02
"""Of a block's letters that its box may cut."""
_PLAIN_SIGNS = frozenset("+<=>|~±×÷¬")
"""Mathematical signs that stand in plain text."""
_UNKNOWN = frozenset(("Cc", "Cn", "Co", "Cs"))
"""Categories of what is no letter that can be written."""
_SAMPLE_SHARE = 0.1
_LEAST_SAMPLE = 2
_AGREE = 0.9
"""Likeness of the layer and the answers of the sample, together, from which on it is trusted."""
_AGREE_EACH = 0.7
"""Likeness in each block of the sample."""
_MOST_COMPARED = 2000
"""Characters of a block that are compared: the time grows with the square."""
_ALIKE = str.maketrans({**dict.fromkeys("‘’‚`´", "'"), **dict.fromkeys("“”„«»", '"')})
LIGATURES = str.maketrans(
    {chr(0xFB00 + i): text for i, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "ft", "st"))}
)
LINE_BREAKS = frozenset(("\r", "\n", "\r\n"))
_NOT_COMPARED = re.compile(r"[\s\u00ad\u2010-\u2015-]+")


class LayerCharacter(Protocol):
    """A character of a text layer.

    Attributes:
        text: as Unicode has it.
        box: (x0, y0, x1, y1) of its ink in pixels of the page; of no size for white space.
        mapped: whether the document says which character it is.
    """

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def box(self) -> PointsBox: ...  # noqa: D102
    @property
    def mapped(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A line of a block as the text layer has it.

    Attributes:
        text: without its line break.
        box: in pixels of the page.
    """

    text: str
    box: Box


def layer_lines(box: Box, characters: Iterable[LayerCharacter]) -> list[LayerLine] | None:
    """The lines of a block in the text layer; None where that cannot be trusted.

    Args:
        box: of the block in pixels of the page.
        characters: of the page, in the order of the document.
    """
    inside: list[LayerCharacter] = []
    n_letters = n_cut = 0
    follows = False
    for one in characters:
        if one.text.isspace() or not _area(one.box):
            if follows:
                inside.append(one)
            continue
        share = _share_inside(one.box, box)
        n_cut += _CUT[0] < share < _CUT[1]
        follows = share >= _INSIDE
        if follows:
            if not _is_plain(one):
                return None
            n_letters += 1
            inside.append(one)
    if n_letters == 0 or n_cut > _CUT_SHARE * n_letters:
        return None
    return _lines(inside)


def _is_plain(one: LayerCharacter) -> bool:
    if not one.mapped or one.text == "\ufffd":
        return False
    category = unicodedata.category(one.text[0])
    return category not in _UNKNOWN and (category != "Sm" or one.text in _PLAIN_SIGNS)


def _area(box: PointsBox) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _share_inside(letter: PointsBox, box: Box) -> float:
    x0, y0 = max(letter[0], box[0]), max(letter[1], box[1])
    return _area((x0, y0, min(letter[2], box[2]), min(letter[3], box[3]))) / _area(letter)


def _lines(characters: Iterable[LayerCharacter]) -> list[LayerLine]:
    """Lines where the document, or the way it was read, says that one ends."""
    lines: list[LayerLine] = []
    run: list[LayerCharacter] = []
    for one in characters:
        if one.text in LINE_BREAKS:
            lines += _line(run)
            run = []
        else:
            run.append(one)
    return [*lines, *_line(run)]


def _line(characters: Sequence[LayerCharacter]) -> list[LayerLine]:
    """The characters as a line; none where all of them are white space."""
    boxes = [one.box for one in characters if _area(one.box)]
    text = " ".join("".join(one.text for one in characters).translate(LIGATURES).split())
    return [LayerLine(text, _around(boxes))] if boxes and text else []


def _around(boxes: Sequence[PointsBox]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return int(min(x0)), int(min(y0)), -int(-max(x1) // 1), -int(-max(y1) // 1)


def sample(texts: Mapping[int, str]) -> list[int]:
    """Which blocks of a page are read by the model, to see whether the layer can be trusted.

    A tenth of them, at least two: of as many runs of blocks, down the page, each one's longest.

    Args:
        texts: of the blocks that the layer has, by their place on the page.
    """
    blocks = sorted(texts)
    n = min(len(blocks), max(_LEAST_SAMPLE, round(_SAMPLE_SHARE * len(blocks))))
    runs = [blocks[len(blocks) * i // n : len(blocks) * (i + 1) // n] for i in range(n)]
    return [max(run, key=lambda block: (len(texts[block]), -block)) for run in runs]


def agrees(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the layer says what the model reads.

    Args:
        pairs: of each block of the sample, the layer's text and the model's.
    """
    if not pairs:
        return False
    compared = [(_comparable(layer), _comparable(read)) for layer, read in pairs]
    each = [SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in compared]
    weights = [len(a) + len(b) + 1 for a, b in compared]
    mean = sum(w * like for w, like in zip(weights, each, strict=True)) / sum(weights)
    return mean >= _AGREE and min(each) >= _AGREE_EACH


def _comparable(text: str) -> str:
    """Without what says nothing about the letters: spaces, hyphens, kinds of quotation marks."""
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return _NOT_COMPARED.sub("", text)[:_MOST_COMPARED]
