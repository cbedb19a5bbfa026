# SPDX-License-Identifier: Apache-2.0
r"""Text that Markdown shows as it is.

CommonMark 0.31 takes a backslash before any punctuation. Escaped is what would mean something, in
GitHub's dialect too (tables, `~~`, `$`), and no more, so that the text stays readable.
"""

from __future__ import annotations

import re

_INLINE = re.compile(
    r"[\\`*~$]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it means nothing
    r"|<(?=[A-Za-z/!?])"  # a tag, a comment, an address
    r"|&(?=#?[A-Za-z0-9]+;)"
    r"|\](?=[(:\[])"  # a link, or the definition of one
)
_LINE_START = re.compile(
    r"(?P<mark>[#>]"  # headings, quotes
    r"|[-+](?=\s|$)"  # lists
    r"|[|:=-](?=[\s|:=-]*$))"  # rules, underlines of headings and of a table's head
    r"|(?P<number>[0-9]{1,9})(?P<point>[.)])(?=\s|$)"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_CLOSING_MARKS = re.compile(r"(#+)$")


def clean(text: str) -> str:
    """The text without control characters, its lines ended by line feeds."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\t", " ")


def escaped(text: str) -> str:
    """Text within a line."""
    return _INLINE.sub(r"\\\g<0>", text)


def line_start_escaped(line: str) -> str:
    """A line whose inline marks are escaped already, so that it begins nothing."""
    line = line.strip()
    found = _LINE_START.match(line)
    if found is None:
        return line
    if found["mark"]:
        return f"\\{line}"
    return f"{found['number']}\\{line[found.start('point') :]}"


def heading_escaped(line: str) -> str:
    """Marks at the end of a heading would be taken for its end."""
    return _CLOSING_MARKS.sub(r"\\\1", line)


def comment(text: str) -> str:
    """A comment of HTML; the text cannot end it."""
    inside = re.sub("-(?=-)", "- ", " ".join(clean(text).split()))
    return f"<!-- {inside} -->"
