# SPDX-License-Identifier: Apache-2.0
"""The documents that `ppocrvl parse` is to read, and what their output is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.errors import PpocrvlError
from ppocrvl.support.file_names import Stems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ppocrvl.parsing.sources.found import Found
    from ppocrvl.parsing.sources.source import DocumentSource


@dataclass(frozen=True, slots=True)
class Input:
    """One document.

    Attributes:
        name: what to call it in messages.
        stem: of its output's names; no other document has it, in upper or lower case.
        found: it, or why there is none.
        open: opens it, or raises what keeps it from that.
    """

    name: str
    stem: str
    found: Found | PpocrvlError
    open: Callable[[], DocumentSource]


def find_inputs(given: Sequence[str], *, dpi: float, password: str | None) -> list[Input]:
    """The documents that were named; what names none is one that cannot be opened.

    Args:
        given: files, folders, patterns, - for standard input.
        dpi: pixels per inch of pages of a PDF.
        password: of encrypted PDFs.
    """
    from ppocrvl.document.document import file_stem

    stems = Stems()
    return [
        Input(
            name,
            stems.take(f"{file_stem(name)}.x"),
            found,
            partial(_open, found, dpi=dpi, password=password),
        )
        for one in given
        for name, found in _documents(one)
    ]


def _documents(given: str) -> Iterator[tuple[str, Found | PpocrvlError]]:
    from ppocrvl.parsing.sources.found import find_documents

    try:
        found = find_documents(given)
    except PpocrvlError as error:
        yield given, error
        return
    for one in found:
        yield one.name, one


def _open(found: Found | PpocrvlError, *, dpi: float, password: str | None) -> DocumentSource:
    from ppocrvl.parsing.sources.opening import open_document

    if isinstance(found, PpocrvlError):
        raise found
    return open_document(found.source, dpi=dpi, password=password)
