# SPDX-License-Identifier: Apache-2.0
"""How wide a text is in any font, about: in hundredths of its size."""

from __future__ import annotations

import unicodedata

SPACE = 26
_USUAL = 52
_WIDE = 100
_CAPITAL = 68
_WIDTHS = (
    ("ijlI|!.,:;'`’‘·", 27),  # noqa: RUF001 - they are meant
    ('frt()[]{}/\\-"“”°', 35),
    ("sczJ", 47),
    ("mMW@%—…", 86),
    ("w&OQGDHNU", 73),
)
"""Letters between those of Times and of Helvetica."""
_WIDTH_OF = {letter: width for letters, width in _WIDTHS for letter in letters}


def text_width(text: str) -> int:
    """Of a text without spaces."""
    return sum(map(_width, text))


def _width(letter: str) -> int:
    known = _WIDTH_OF.get(letter)
    if known is not None:
        return known
    if letter.isascii():
        return _CAPITAL if letter.isupper() else _USUAL
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in {"W", "F"}:
        return _WIDE
    return _CAPITAL if letter.isupper() else _USUAL
