# SPDX-License-Identifier: Apache-2.0
"""The first stage: from documents to their pages, which are not rendered yet."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.rows import Row, plain
from ppocrvl.document.folder import remove_leftovers
from ppocrvl.errors import DocumentNotFoundError, OutputError, PpocrvlError
from ppocrvl.parsing.jobs import page_indices
from ppocrvl.parsing.sources.found import Found
from ppocrvl.parsing.sources.opening import open_document
from ppocrvl.support.hashing import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ppocrvl.batch.rows import Listed
    from ppocrvl.batch.settings import Settings
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.sources.source import DocumentSource


class Opening:
    """Opens each document to count its pages.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manifest = Manifest(settings)

    def __call__(self, documents: Iterable[Listed]) -> Iterator[Row]:
        """A row for each page; one for the document where it is written already, or is refused.

        Raises:
            OutputError: what is done cannot be read.
        """
        for one in documents:
            row = Row(document=one.document, path=one.path, output=one.output)
            try:
                row = replace(row, sha256=_sha256(Path(self._settings.base, row.name)))
                yield from self._rows(row)
            except OutputError:
                raise
            except PpocrvlError as error:
                yield replace(row, state="refused", error=plain(str(error)), code=error.exit_code)

    def _rows(self, row: Row) -> Iterator[Row]:
        kept = self._manifest.document(self._manifest.document_key(row))
        if kept is not None:
            of_all = {"n_pages": kept["document"]["n_pages"], "code": kept["code"]}
            yield replace(row, state="kept", error=kept["error"], **of_all)
            return
        with open_listed(row.path, self._settings.base, self._settings.options) as source:
            n_pages = source.n_pages
            indices = page_indices(source, self._settings.options.pages)
        output = self._settings.folder / os.fsdecode(row.output)
        remove_leftovers(output.parent, output.name)
        for index in indices:
            yield replace(row, n_pages=n_pages, page=index)


def open_listed(path: bytes, base: Path, options: ParseOptions) -> DocumentSource:
    """Open the document of a row.

    Args:
        path: of a row.
        base: where it begins, if it is relative.
        options: how it is read.

    Raises:
        DocumentError: it cannot be opened.
        ImageError: it is an image, and cannot be read.
        EngineError: not enough memory, or no process can be started.
    """
    name = os.fsdecode(path)
    return open_document(
        Found(name, str(Path(base, name))), dpi=options.dpi, password=options.password
    )


def _sha256(path: Path) -> str:
    """Of a document's bytes.

    Raises:
        DocumentNotFoundError: it cannot be read, or is no file.
    """
    try:
        if path.is_file():
            return sha256_of_file(path)
        reason = "is no file" if path.exists() else "no such document"
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    raise DocumentNotFoundError(f"{path}: {reason}")
