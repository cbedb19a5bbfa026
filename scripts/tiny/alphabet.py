# SPDX-License-Identifier: Apache-2.0
"""The characters that the built-in model can write, and what other characters become."""

from __future__ import annotations

import unicodedata

# ruff: noqa: RUF001 - the signs are meant

ASCII = "".join(chr(c) for c in range(32, 127))
LATIN_1 = "".join(chr(c) for c in range(0xA1, 0x100) if c != 0xAD)
LATIN_EXTENDED_A = "".join(chr(c) for c in range(0x100, 0x180) if chr(c) not in "ĸĿŀŉſ")
QUOTES_AND_DASHES = "–—‘’‚“”„†‡…‰′″‹›€™"
BULLETS = "•◦▪■□○●►✓→←↑↓"
SUPERSCRIPTS = "⁰⁴⁵⁶⁷⁸⁹"  # ¹²³ are Latin-1
FRACTIONS = "⅓⅔⅛⅜⅝⅞"  # ¼½¾ are Latin-1
SIGNS = "≤≥≠≈∞√αβγδεθλμπρστφωΔΣΩ"

BEYOND_ASCII = (
    LATIN_1 + LATIN_EXTENDED_A + QUOTES_AND_DASHES + BULLETS + SUPERSCRIPTS + FRACTIONS + SIGNS
)
ALPHABET = ASCII + BEYOND_ASCII
KNOWN = frozenset(ALPHABET)

# Ligatures are read as their letters; what print does not tell apart is one character.
_SAME = {
    "\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f\t": " ",
    "\u2010\u2011\u2212": "-",
    "\u2015": "—",
    "\u00ad\u200b\u200c\u200d\u2060\ufeff": "",
    "\u201b": "‘",
    "\u201f": "“",
    "\u2022\u2023\u2043\u2219": "•",
    "\u25e6": "◦",
    "\u2032": "′",
    "\u2033": "″",
}
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_FOLDED = str.maketrans({old: new for olds, new in _SAME.items() for old in olds} | _LIGATURES)


def folded(text: str) -> str:
    """``text`` with one character for what looks alike in print."""
    return text.translate(_FOLDED)


_NEAREST = {
    old: new
    for olds, new in {"‘’‚‹›′": "'", "“”„«»″": '"', "–—": "-", "•◦▪■○●►": "*", "×": "x"}.items()
    for old in olds
}


def nearest(letter: str) -> str:
    """The character of ASCII that looks most like one of the alphabet; "" where none does."""
    found = _NEAREST.get(letter) or unicodedata.normalize("NFD", letter)[0]
    return found if found.isascii() else ""


def known(text: str) -> bool:
    """Whether the model has every character of ``text``."""
    return KNOWN.issuperset(text)


# Dense classes: nothing, every character in the order of the alphabet, the end of a line.
BLANK = 0
CLASS = {c: i for i, c in enumerate(ALPHABET, 1)}
END_OF_LINE = len(ALPHABET) + 1
DENSE_CLASSES = len(ALPHABET) + 2
