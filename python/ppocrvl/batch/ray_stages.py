# SPDX-License-Identifier: Apache-2.0
"""The stages as actors of Ray Data. Rows go between them as tables of pyarrow."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ppocrvl.batch.assembling import Assembling
from ppocrvl.batch.opening import Opening
from ppocrvl.batch.reading import PageReader, Reader, jobs_by_document, reader_of
from ppocrvl.batch.rows import DOCUMENT, Listed, Row, plain
from ppocrvl.batch.tables import load_pyarrow
from ppocrvl.document.document import Page
from ppocrvl.parsing.parts import NoDocument
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.support.batched import batched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ppocrvl.batch.settings import Models, Settings
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import PageRead


class OpeningStage:
    """`Opening` as an actor."""

    def __init__(self, settings: Settings) -> None:
        self._open = Opening(settings)

    def __call__(self, batch: Any) -> Iterator[Any]:
        """Documents to pages."""
        documents = (Listed(**values) for values in batch.to_pylist())
        return _tables(self._open(documents))


class WorkerMetrics:
    """What Ray's agent on each node tells Prometheus of a worker."""

    def __init__(self) -> None:
        from ray.util import metrics

        self._pages = metrics.Counter("ppocrvl_batch_pages", "Pages that are done.", ("state",))
        self._seconds = metrics.Counter("ppocrvl_batch_busy_seconds", "Spent on them.")

    def add(self, rows: Iterable[Row], seconds: float) -> None:
        """Takes note of pages that were done together."""
        for state, count in Counter(row.state for row in rows if row.page != DOCUMENT).items():
            self._pages.inc(count, {"state": state})
        if seconds > 0:
            self._seconds.inc(seconds)


class ReadingStage:
    """`PageReader` as an actor.

    It gives its rows when all are there, in their order: after a worker was lost, Ray takes what
    the next one gives to go on where the first one ended.
    """

    def __init__(self, settings: Settings, run: str, n_threads: int) -> None:
        self._settings, self._run, self._n_threads = settings, run, n_threads
        self._metrics = WorkerMetrics()

    @cached_property
    def _read(self) -> PageReader:
        """Loaded with the first pages: only what is raised then reaches the driver as it is."""
        reader = reader_of(self._settings, self._n_threads)
        return PageReader(self._settings, reader.parts, self._run)

    def __call__(self, batch: Any) -> Any:
        """Pages to pages that are read."""
        rows = list(rows_of(batch))
        places = {(row.document, row.page): place for place, row in enumerate(rows)}
        begun = perf_counter()
        done = sorted(self._read(rows), key=lambda row: places[row.document, row.page])
        self._metrics.add(done, perf_counter() - begun)
        return table_of(done, Row)


class AssemblingStage:
    """`Assembling` as an actor."""

    def __init__(self, settings: Settings) -> None:
        self._assemble = Assembling(settings)

    def __call__(self, batch: Any) -> Any:
        """Pages to pages and documents."""
        return table_of(self._assemble(rows_of(batch)), Row)


class PlainPages:
    """Reads pages of a dataset that nobody keeps, as an actor.

    Args:
        models: what reads them.
        options: how.
        n_threads: of the models.
        n_parallel: blocks that are read at once.
    """

    def __init__(
        self, models: Models, options: ParseOptions, n_threads: int, n_parallel: int
    ) -> None:
        self._models, self._options = models, options
        self._n_threads, self._n_parallel = n_threads, n_parallel

    @cached_property
    def _reader(self) -> Reader:
        """As for `ReadingStage`."""
        return Reader(
            self._models, self._options, n_threads=self._n_threads, n_parallel=self._n_parallel
        )

    def __call__(self, batch: Any) -> Any:
        """The rows with what was read."""
        rows = batch.to_pylist()
        asked = [(os.fsencode(row["path"]), row["page"]) for row in rows]
        columns: dict[str, list[str | None]] = {
            name: [None] * len(rows) for name in ("text", "markdown", "blocks", "error")
        }
        jobs = jobs_by_document(asked, Path.cwd(), self._options)
        with Pages(jobs, self._reader.parts) as pages:
            for one in pages:
                place = one.document if isinstance(one, NoDocument) else one.job.document
                for name, value in _plain_values(one).items():
                    columns[name][place] = value
        pa = load_pyarrow()
        for name, values in columns.items():
            batch = batch.append_column(name, pa.array(values, pa.string()))
        return batch


def _plain_values(one: PageRead | NoDocument) -> dict[str, str | None]:
    if isinstance(one, NoDocument):
        return {"error": plain(str(one.error))}
    page = Page.of(one.data)
    return {
        "text": page.to_text(),
        "markdown": page.to_markdown(),
        "blocks": json.dumps(page.to_dict()["blocks"], ensure_ascii=False),
        "error": plain(str(one.errors[0])) if one.errors else None,
    }


def _tables(rows: Iterable[Row]) -> Iterator[Any]:
    for some in batched(rows, 8):
        yield table_of(some, Row)


def table_of(rows: Iterable[Row | Listed], kind: type[Row | Listed]) -> Any:
    """As Ray Data carries them on."""
    pa = load_pyarrow()
    types = {"int": pa.int64(), "bytes": pa.binary()}
    fields = [(one.name, types.get(str(one.type), pa.string())) for one in dataclasses.fields(kind)]
    return pa.Table.from_pylist(list(map(dataclasses.asdict, rows)), schema=pa.schema(fields))


def rows_of(batch: Any) -> Iterator[Row]:
    """What `table_of` made of them."""
    return (Row(**values) for values in batch.to_pylist())
