# SPDX-License-Identifier: Apache-2.0
"""JSON, as docs/document.schema.json says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.document.values import document_values, page_values
from ppocrvl.document.writers.written import File, picture_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.document.document import Document
    from ppocrvl.document.writers.written import WriteOptions

_PAGES_END = "[]\n}"
"""Of the text of a document without pages."""


def json_files(document: Document, options: WriteOptions) -> list[File]:
    """The document, and its figures where they are to be files."""
    file = File(f"{options.stem}.json", partial(_pieces, document))
    return [file, *picture_files(document.pages, options)]


def _pieces(document: Document) -> Iterator[str]:
    """Page by page: the values of all pages at once take far more memory than the pages."""
    yield _text(document_values(replace(document, pages=()))).removesuffix(_PAGES_END) + "["
    for number, page in enumerate(document.pages):
        yield f"{',' if number else ''}\n{_text(page_values(page))}".replace("\n", "\n  ")
    yield "\n ]\n}\n" if document.pages else "]\n}\n"


def _text(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1)
