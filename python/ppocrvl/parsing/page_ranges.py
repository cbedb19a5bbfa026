# SPDX-License-Identifier: Apache-2.0
"""Which pages: `1-3,7,-1`, as people count them."""

from __future__ import annotations

import re

from ppocrvl.errors import OptionError, PageError

_PART = re.compile(r"(-?[0-9]{1,9})(?:(-)(-?[0-9]{1,9})?)?", re.ASCII)
_FORM = "write pages as 1-3,7,-1: numbers from 1, or from the end with a minus"


def parse_page_ranges(text: str, n_pages: int) -> list[int]:
    """The indices of the pages, from 0, rising, each once.

    `-1` is the last page, `-2` the one before it; `5-` goes on to the end, `-3--1` are the last
    three. White space does not matter.

    Args:
        text: numbers and ranges with commas between them.
        n_pages: pages of the document, at least 1.

    Raises:
        OptionError: it is no such list, or a range ends before it begins.
        PageError: there is no such page.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch("".join(part.split()))
        if found is None:
            raise OptionError(f"pages {text!r}: {part.strip()!r} is none; {_FORM}")
        first = _index(found[1], n_pages, text)
        last = first
        if found[2]:
            last = n_pages - 1 if found[3] is None else _index(found[3], n_pages, text)
        if last < first:
            raise OptionError(f"pages {text!r}: {part.strip()!r} ends before it begins; {_FORM}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def _index(number: str, n_pages: int, text: str) -> int:
    value = int(number)
    index = value - 1 if value > 0 else n_pages + value
    if value == 0 or not 0 <= index < n_pages:
        pages = "1 page" if n_pages == 1 else f"{n_pages} pages"
        raise PageError(f"pages {text!r}: there is no page {value}; the document has {pages}")
    return index
