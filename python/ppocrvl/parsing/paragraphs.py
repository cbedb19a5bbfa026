# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - Chinese punctuation is meant
"""Paragraphs that go on in the next column, on the next page, or under a figure.

The official pipeline does not look for them. Here a block of text is said to go on that before it
if three things hold: a column or page ends between them, or something outside the running text
stands there; the first ends and the second begins as in the middle of a sentence; and, where lines
have places, the first one's last line is full and the second one's first line is not indented.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ppocrvl.document.labels import WITHOUT_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block

_TEXT = "text"
_PASSED_OVER = WITHOUT_ORDER | {"seal"}
"""Labels of what a paragraph may go around."""
_QUOTES = "\"'”’»)]}」』）】》"
_OPENING_QUOTES = "\"'“‘«([{「『（【《"
_ENDS = ".!?:;…。！？：；．"
_HYPHENS = "-\u00ad\u2010"
_UNFINISHED = ",，、" + _HYPHENS
"""After these a sentence goes on whatever comes next."""
_FULL_LINE = 0.85
"""Of the block's width, from which on a line may end because there is no more room."""
_INDENT = 0.8
"""Of a line's height, from which on a first line begins a paragraph."""


@dataclass(frozen=True, slots=True)
class _Last:
    """What came last in the running text.

    Attributes:
        text: the block with the text.
        place: the block where it ended: the last one of its group.
        page: index of that one's page.
        passed: whether something outside the running text has come since.
    """

    text: Block
    place: Block
    page: int
    passed: bool = False


def with_joins(pages: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """The blocks of neighbouring pages, with `joins_previous` of those that go on a text."""
    last: _Last | None = None
    joined: list[list[Block]] = []
    for page, blocks in enumerate(pages):
        joined.append([])
        for block in blocks:
            joins = last is not None and block.text != "" and _goes_on(last, block, page)
            joined[-1].append(replace(block, joins_previous=True) if joins else block)
            last = _after(last, block, page)
    return joined


def _after(last: _Last | None, block: Block, page: int) -> _Last | None:
    if block.label in _PASSED_OVER:
        return None if last is None else replace(last, passed=True)
    if block.label != _TEXT or block.error is not None:
        return None
    if block.text != "":
        return _Last(block, block, page)
    in_group = last is not None and block.group is not None and block.group == last.text.group
    return replace(last, place=block, page=page) if last is not None and in_group else None


def _goes_on(last: _Last, block: Block, page: int) -> bool:
    if block.label != _TEXT or block.error is not None:
        return False
    breaks = last.passed or page != last.page or block.box[1] < last.place.box[3]
    return breaks and in_sentence(last.text.text, block.text) and _looks_broken(last.text, block)


def in_sentence(before: str, after: str) -> bool:
    """Whether one text ends, and the next begins, as in the middle of a sentence."""
    before = before.rstrip().rstrip(_QUOTES).rstrip()
    after = after.lstrip().lstrip(_OPENING_QUOTES).lstrip()
    if not before or not after or before[-1] in _ENDS:
        return False
    if before[-1] in _UNFINISHED:
        return after[0].isalnum()
    return after[0].islower() or _has_no_case(after[0])


def _has_no_case(character: str) -> bool:
    """Whether it is a letter of a script without capitals, as Chinese or Arabic."""
    return unicodedata.category(character) == "Lo"


def _looks_broken(before: Block, after: Block) -> bool:
    """False where the places of lines tell that a paragraph ends or begins."""
    ends = [line.box for line in before.lines if line.box is not None]
    if ends and (before.group is None):
        x0, _, x1, _ = before.box
        if ends[-1][2] - x0 < _FULL_LINE * (x1 - x0):
            return False
    starts = [line.box for line in after.lines if line.box is not None]
    if len(starts) > 1:
        first, others = starts[0], starts[1:]
        if first[0] - min(box[0] for box in others) > _INDENT * (first[3] - first[1]):
            return False
    return True
