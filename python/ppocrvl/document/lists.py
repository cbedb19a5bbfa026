# SPDX-License-Identifier: Apache-2.0
"""Lists, which stand in a text as lines that begin with a bullet or a number."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BULLET = re.compile(r"[•◦▪‣●○■□∙·*+-]\s+(?=\S)")
_NUMBERED = re.compile(r"(0|[1-9][0-9]{0,8})([.)])\s+(?=\S)")
_BLANK = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class TextList:
    """A list.

    Attributes:
        first: number of the first item; None for bullets.
        sign: after a number, "." or ")"; "" for bullets.
        items: their texts without the marks; lines end with a line break.
    """

    first: int | None
    sign: str
    items: tuple[str, ...]


def paragraphs(text: str) -> list[str | TextList]:
    """The parts of a text that blank lines divide; lists are those that are nothing else.

    Numbers that do not follow each other are part of the text.
    """
    return [_list_or_text(one) for one in _BLANK.split(text) if one.strip()]


def full_lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line for line in text.split("\n") if line.strip()]


def _list_or_text(text: str) -> str | TextList:
    lines = full_lines(text)
    for mark in (_BULLET, _NUMBERED):
        if mark.match(lines[0].lstrip()):
            return _list(lines, mark) or text
    return text


def _list(lines: list[str], mark: re.Pattern[str]) -> TextList | None:
    """An item begins with each line that has a mark."""
    items: list[list[str]] = []
    numbers: list[tuple[int, str]] = []
    for line in lines:
        found = mark.match(line.lstrip())
        if found is None:
            items[-1].append(line)
            continue
        items.append([" ".join(line.lstrip()[found.end() :].split())])
        if mark is _NUMBERED:
            numbers.append((int(found[1]), found[2]))
    texts = tuple("\n".join(item) for item in items)
    if not numbers:
        return TextList(None, "", texts)
    first, sign = numbers[0]
    if numbers != [(first + i, sign) for i in range(len(numbers))]:
        return None
    return TextList(first, sign, texts)
