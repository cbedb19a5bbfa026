# SPDX-License-Identifier: Apache-2.0
"""Plain text: tables as columns between tabs, formulas as LaTeX, pages between form feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.document.flow import flow
from ppocrvl.document.joining import one_line, unbroken
from ppocrvl.document.writers.markdown_escape import clean
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.flow import Part
    from ppocrvl.document.writers.written import WriteOptions

_PAGE = "\f"


def text_files(document: Document, options: WriteOptions) -> list[File]:
    """The document's text. What was not read is not there."""
    pages: list[list[str]] = [[]]
    for part in flow(document.pages, options.labels_left_out):
        if part.kind == "page":
            pages.append([])
        elif text := _part(part):
            pages[-1].append(text)
    text = _PAGE.join("\n\n".join(parts) + "\n" * bool(parts) for parts in pages)
    return [File(f"{options.stem}.txt", text)]


def _part(part: Part) -> str:
    text = clean(part.text)
    if part.kind in {"failed", "figure"}:
        return ""
    if part.kind == "heading":
        return one_line(text)
    if part.kind == "formula":
        return f"{text}\t({part.number})" if part.number else text
    if part.table is not None:
        rows = part.table.grid()
        return "\n".join(
            "\t".join(one_line(clean(cell.text)) if cell is not None else "" for cell in row)
            for row in rows
        )
    return text if part.kind in {"code", "lines"} else unbroken(text)
