# SPDX-License-Identifier: Apache-2.0
"""Cuts what a model wrote over and over (PaddleX 3.7.2, `truncate_repetitive_content`).

The engine ends such answers while they are written; this is for what it lets through, as an answer
that a server gave, or a loop of few rounds.
"""

from __future__ import annotations

from collections import Counter

LEAST_CHARACTERS = {"table": 5000}
"""Shorter answers are left alone, by label; of all others `LEAST_CHARACTERS_ELSE`."""
LEAST_CHARACTERS_ELSE = 50

_LONG_LINE = 100
_LEAST_PHRASE = 8
_LEAST_PHRASES = 5
_PHRASES_SHARE = 0.5
_SHORT_LINE = 10
_LEAST_UNITS = 10
_LEAST_LINES = 10
_LINES_SHARE = 0.8


def without_repetition(text: str, label: str) -> str:
    """The answer for a region of this label, without its loops."""
    if len(text) < LEAST_CHARACTERS.get(label, LEAST_CHARACTERS_ELSE):
        return text
    whole = text.strip()
    if "\n" in whole or not whole:
        return _most_common_line(text) or text
    shorter = _before_phrases(whole) if len(whole) > _LONG_LINE else None
    if not shorter and len(whole) > _SHORT_LINE:
        shorter = _unit(whole)
    return shorter or text


def _before_phrases(line: str) -> str | None:
    """What stands before a phrase that is repeated to the line's end; the longest such phrase."""
    for length in range(len(line) // _LEAST_PHRASES, _LEAST_PHRASE - 1, -1):
        phrase = line[-length:]
        if not line.endswith(phrase * _LEAST_PHRASES):
            continue
        begin = len(line)
        while line.endswith(phrase, 0, begin):
            begin -= length
        return line[:begin] if len(line) - begin > len(line) * _PHRASES_SHARE else None
    return None


def _unit(line: str) -> str | None:
    """What a line consists of, where it is that alone, often enough."""
    # The shortest period of a text is where it is found again in its own double.
    length = (line + line).find(line, 1)
    return line[:length] if len(line) // length >= _LEAST_UNITS else None


def _most_common_line(text: str) -> str | None:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) < _LEAST_LINES:
        return None
    line, count = Counter(lines).most_common(1)[0]
    return line if count >= _LEAST_LINES and count / len(lines) >= _LINES_SHARE else None
