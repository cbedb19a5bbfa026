# SPDX-License-Identifier: Apache-2.0
"""Lines and parts of a text as one."""

from __future__ import annotations

import re

_HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u2010\u00ad]\s*\n\s*(?=[^\W\d_A-Z])")
"""A word that goes on in the next line. A capital or a figure after the hyphen is a compound."""
_WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_BETWEEN_WIDE = re.compile(rf"(?<=[{_WIDE}])[ \t]*\n[ \t]*(?=[{_WIDE}])")
"""A line break in Chinese or Japanese, which have no spaces between words."""


def unbroken(text: str) -> str:
    """The text with words whole that were broken at the end of a line; other line breaks stay."""
    return _BETWEEN_WIDE.sub("", _HYPHENATED.sub("", text))


def one_line(text: str) -> str:
    """The text as one line."""
    return " ".join(unbroken(text).split())


def joined(first: str, second: str) -> str:
    """A text that goes on with another one."""
    return unbroken(f"{first.rstrip()}\n{second.lstrip()}")
