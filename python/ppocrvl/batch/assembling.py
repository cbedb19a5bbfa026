# SPDX-License-Identifier: Apache-2.0
"""The third stage: a document whose pages are all there is put together and written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.rows import DOCUMENT, plain
from ppocrvl.document.document import Document
from ppocrvl.document.folder import DocumentFolder
from ppocrvl.document.values import page_values
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.page_ranges import parse_page_ranges
from ppocrvl.support.output import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ppocrvl.batch.rows import Row
    from ppocrvl.batch.settings import Settings
    from ppocrvl.document.document import Page
    from ppocrvl.document.types import PageData


class Assembling:
    """Writes documents as their last page comes along.

    The pages may have been read by several workers. Whoever gets a page looks whether all of its
    document are there; if two find that out at once, both write the same files.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manifest = Manifest(settings)

    def __call__(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, and one more for each document that is written.

        Raises:
            OutputError: a file cannot be written.
        """
        seen: dict[int, Row] = {}
        for row in rows:
            if row.page != DOCUMENT:
                seen[row.document] = row
            elif row.state == "refused":
                self._keep_refused(row)
            yield row
        for row in seen.values():
            if self._is_whole(row) and self._write(row):
                yield replace(row, page=DOCUMENT, state="written", error="", code=0)

    def _is_whole(self, row: Row) -> bool:
        keys = (self._manifest.page_key(row.sha256, index) for index in self._indices(row))
        return all(self._manifest.has_page(key) for key in keys)

    def _indices(self, row: Row) -> Sequence[int]:
        pages = self._settings.options.pages
        return range(row.n_pages) if pages is None else parse_page_ranges(pages, row.n_pages)

    def _write(self, row: Row) -> bool:
        """Whether its files are there."""
        key = self._manifest.document_key(row)
        if self._manifest.document(key) is not None:  # by another worker
            return True
        target = self._settings.folder / os.fsdecode(row.output)
        formats = self._settings.known_formats
        with DocumentFolder(make_folder(target.parent), formats, self._settings.ways) as folder:
            pages: list[PageData] = []
            failures: list[int] = []  # exit codes, one for each page
            for index in self._indices(row):
                record = self._manifest.page(self._manifest.page_key(row.sha256, index))
                if record is None:  # lost since it was seen: it is read again by the next run
                    return False
                failures += [code for code, _ in record.reasons[-1:]]
                pages.append(folder.keep(record.data))
            document = Document.of(row.name, row.n_pages, finish_document(pages))
            files = folder.write(target.name, document) if formats else []
        rows = {
            "document": _document_values(row, document, n_failed=len(failures)),
            "pages": [_page_values(row, page) for page in document.pages],
        }
        error = f"{len(failures)} of {len(pages)} pages failed" if failures else ""
        self._manifest.keep_document(key, rows, files, error=error, code=next(iter(failures), 0))
        return True

    def _keep_refused(self, row: Row) -> None:
        nothing = Document(row.name, 0, ())
        values = _document_values(row, nothing, n_failed=0)
        rows = {"document": values, "pages": []}
        key = self._manifest.document_key(row)
        self._manifest.keep_document(key, rows, [], error=row.error, code=row.code)


def _document_values(row: Row, document: Document, *, n_failed: int) -> dict[str, Any]:
    """A document's row in the tables, as docs/scale.md has it."""
    return {
        "document": plain(row.name),
        "output": plain(os.fsdecode(row.output)),
        "sha256": row.sha256 or None,
        "n_pages": row.n_pages,
        "pages_read": len(document.pages) - n_failed,
        "pages_failed": n_failed,
        "markdown": document.to_markdown(),
        "error": row.error if row.state == "refused" else None,
    }


def _page_values(row: Row, page: Page) -> dict[str, Any]:
    """A page's row in the tables."""
    values = page_values(page)
    return {
        "document": plain(row.name),
        "sha256": row.sha256,
        "page": page.index,
        **{name: values[name] for name in ("width", "height", "dpi", "rotation")},
        "text": page.to_text(),
        "blocks": json.dumps(values["blocks"], ensure_ascii=False),
        "notes": [plain(one) for one in values["notes"]],
        "error": None if page.error is None else plain(page.error),
    }
