# SPDX-License-Identifier: Apache-2.0
"""Rows of documents and pages as Parquet, in files of so many documents."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import MissingExtraError
from ppocrvl.support.batched import batched
from ppocrvl.support.output import output_errors, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ppocrvl.support.output import Progress

A_FILE = 1000
"""Documents."""
_AT_ONCE = 64
"""Documents whose rows are held."""
_DOCUMENTS = {
    "document": "text",
    "output": "text",
    "sha256": "text",
    "n_pages": "int",
    "pages_read": "int",
    "pages_failed": "int",
    "markdown": "text",
    "error": "text",
}
_PAGES = {
    "document": "text",
    "sha256": "text",
    "page": "int",
    "width": "int",
    "height": "int",
    "dpi": "real",
    "rotation": "int",
    "text": "text",
    "blocks": "text",
    "notes": "texts",
    "error": "text",
}
_NAME = re.compile(r"(?:documents|pages)-([0-9]{6,})\.parquet")


def load_pyarrow() -> Any:  # noqa: ANN401 - a module
    """PyArrow.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            'rows as Parquet need pyarrow; install it with: pip install "ppocrvl[ray]", or leave '
            "parquet out of --to"
        ) from error
    return pa


def write_tables(
    folder: Path, number: int, documents: Callable[[], Iterable[dict[str, Any]]]
) -> None:
    """Writes the files of a number, `documents-000000.parquet` and `pages-000000.parquet`.

    Args:
        folder: of the output.
        number: of these files, from 0.
        documents: gives at most `A_FILE`, as the manifest has them, in the order of the listing;
            called once for each of the two.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: they cannot be written.
    """
    pa = load_pyarrow()
    write_files(
        [
            _Table(
                folder / f"documents-{number:06}.parquet", pa, _DOCUMENTS, _documents(documents)
            ),
            _Table(folder / f"pages-{number:06}.parquet", pa, _PAGES, _pages(documents)),
        ]
    )


def remove_tables_after(folder: Path, number: int) -> None:
    """Removes files of higher numbers, which a listing of more documents had left.

    Raises:
        OutputError: one cannot be removed.
    """
    with output_errors(folder):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is not None and int(found[1]) > number:
                path.unlink()


def _documents(
    documents: Callable[[], Iterable[dict[str, Any]]],
) -> Iterator[list[dict[str, Any]]]:
    for some in batched(documents(), _AT_ONCE):
        yield [one["document"] for one in some]


def _pages(documents: Callable[[], Iterable[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    for one in documents():
        if one["pages"]:
            yield one["pages"]


@dataclass(frozen=True, slots=True)
class _Table:
    """A `PendingFile`.

    Attributes:
        path: its final path.
        arrow: PyArrow.
        columns: name and type of each.
        rows: of the table, some at a time.
    """

    path: Path
    arrow: Any
    columns: dict[str, str]
    rows: Iterator[list[dict[str, Any]]]

    def write(self, path: Path, progress: Progress | None) -> None:  # noqa: ARG002
        """Write all of it to `path`, and sync it."""
        pa = self.arrow
        types = {"text": pa.string(), "int": pa.int64(), "real": pa.float64()}
        types["texts"] = pa.list_(pa.string())
        schema = pa.schema([(name, types[kind]) for name, kind in self.columns.items()])
        with path.open("wb") as out:
            with pa.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
                for some in self.rows:
                    writer.write_table(pa.Table.from_pylist(some, schema=schema))
            out.flush()
            os.fsync(out.fileno())
