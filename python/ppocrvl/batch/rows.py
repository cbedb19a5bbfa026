# SPDX-License-Identifier: Apache-2.0
"""What goes from one stage of a corpus's run to the next: a row for each page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["listed", "read", "kept", "failed", "written", "refused"]
DOCUMENT = -1
"""In the place of a page: the row is about the whole document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A page, or a document as a whole.

    Attributes:
        document: number of the document in the order of the listing, from 0.
        path: of its file, as the system has it: names need not be UTF-8.
        output: of its files, relative to the folder of the output, without suffix.
        sha256: of its bytes, in hexadecimal digits; "" where it cannot be read.
        n_pages: pages that it has.
        page: index, from 0; `DOCUMENT` for all of it.
        state: of a page "listed" before it is read, then "read", "kept" from an earlier run, or
            "failed"; of a document "written", "kept", or "refused" where it cannot be opened.
        error: why, in one line; "" where nothing failed.
        code: the exit code of that error.
        worker: which process read the page.
    """

    document: int
    path: bytes
    output: bytes
    sha256: str = ""
    n_pages: int = 0
    page: int = DOCUMENT
    state: State = "listed"
    error: str = ""
    code: int = 0
    worker: str = ""

    @property
    def name(self) -> str:
        """What to call the document: its path."""
        return os.fsdecode(self.path)


@dataclass(frozen=True, slots=True)
class Listed:
    """A document that was found, and not opened yet; its attributes are those of a `Row`."""

    document: int
    path: bytes
    output: bytes


def plain(text: str) -> str:
    """The text in one line, with escapes in place of what no UTF-8 can hold, as names may have."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())
