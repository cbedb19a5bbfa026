# SPDX-License-Identifier: Apache-2.0
"""The second stage: pages are read, several under way, and each is kept when it is done."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ppocrvl.batch.attempts import MOST, Attempts, worker_name
from ppocrvl.batch.manifest import Manifest, PageRecord
from ppocrvl.batch.opening import open_listed
from ppocrvl.batch.rows import DOCUMENT, plain
from ppocrvl.document.types import PageData
from ppocrvl.engine.engine import Engine
from ppocrvl.errors import (
    EngineError,
    ExitCode,
    InvalidTextError,
    OutputError,
    PpocrvlError,
)
from ppocrvl.layout.layout import Layout
from ppocrvl.parsing.jobs import jobs_of
from ppocrvl.parsing.open_page import one_line
from ppocrvl.parsing.parts import NoDocument, PageRead, Parts, WholePage
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ppocrvl.batch.rows import Row, State
    from ppocrvl.batch.settings import Models, Settings
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import PageJob

CACHE_BYTES = 2 << 20
"""Of encoded blocks: a running header may come again on the next page, nothing else does."""


class Reader(Closing):
    """Models that are loaded once.

    Args:
        models: their files.
        options: how documents are read.
        n_threads: CPU threads of the engine and of the layout model; 0: as they choose.
        n_parallel: blocks that are read at once.
        page_images: keep a picture of each page.
        engine: further keywords of `Engine`.

    Attributes:
        parts: what pages are read with.

    Raises:
        ModelError: a model file is missing, damaged, or not the one of the run.
        EngineError: a model cannot be loaded.
    """

    def __init__(
        self,
        models: Models,
        options: ParseOptions,
        *,
        n_threads: int = 0,
        n_parallel: int = 4,
        page_images: bool = False,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        here = models.here()
        self._layout = None if here.layout is None else Layout(here.layout, n_threads=n_threads)
        self._engine = Engine(
            here.llm,
            mmproj=here.mmproj,
            n_threads=n_threads,
            n_parallel=n_parallel,
            cache_bytes=CACHE_BYTES,
            **(engine or {}),
        )
        self.parts: Parts = options.parts(
            self._layout or WholePage(), self._engine, page_images=page_images
        )

    def close(self) -> None:
        """Let go of the models. A second time does nothing."""
        self._engine.close()
        if self._layout is not None:
            self._layout.close()


def reader_of(settings: Settings, n_threads: int) -> Reader:
    """The models of a run, as `Reader` loads them."""
    return Reader(
        settings.models,
        settings.options,
        n_threads=n_threads,
        n_parallel=settings.n_parallel,
        page_images=settings.page_images,
        engine=settings.engine,
    )


class PageReader:
    """Reads pages that are not in the manifest yet, and keeps them there.

    A page that was left unfinished by a process which ended is read alone, so that no other page is
    suspected with it; after three such ends it is kept as failed. An error of the engine is tried
    again at once, three times in all. What is wrong with the document stays so, and is tried once.

    Args:
        settings: of the run.
        parts: what pages are read with.
        run: of `Attempts`.
    """

    def __init__(self, settings: Settings, parts: Parts, run: str) -> None:
        self._settings = settings
        self._parts = parts
        self._manifest = Manifest(settings)
        self._attempts = Attempts(self._manifest.folder, run)
        self._worker = worker_name()

    def __call__(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows with what became of their pages, in any order; others as they are.

        Raises:
            OutputError: what is read cannot be kept.
        """
        unfinished = self._attempts.unfinished(
            self._key(row) for row in rows if row.page != DOCUMENT
        )
        together: dict[str, Row] = {}
        alone: dict[str, Row] = {}
        again: list[Row] = []  # of documents with the same bytes
        for row in rows:
            if row.page == DOCUMENT:
                yield row
                continue
            key = self._key(row)
            if (record := self._manifest.page(key)) is not None:
                yield self._done(row, record, "failed" if record.reasons else "kept")
            elif key in together or key in alone:
                again.append(row)
            elif len(unfinished.get(key, [])) >= MOST:
                yield self._give_up(row, unfinished[key])
            else:
                (alone if key in unfinished else together)[key] = row
        yield from self._read(list(together.values()))
        for row in alone.values():
            yield from self._read([row])
        if again:
            yield from self(again)

    def _read(self, rows: Sequence[Row]) -> Iterator[Row]:
        """Pages that begin together; each is given when it is kept."""
        reasons: defaultdict[Row, list[tuple[int, str]]] = defaultdict(list)
        left = list(rows)
        for attempt in range(MOST):
            again: list[Row] = []
            for row, data, errors in self._pages(left):
                reasons[row] += [(error.exit_code, plain(str(error))) for error in errors]
                if attempt + 1 < MOST and any(map(_may_pass, errors)):
                    again.append(row)
                else:
                    record = PageRecord(data, tuple(reasons[row]) if errors else ())
                    yield self._keep(row, record)
            left = again

    def _pages(self, rows: Sequence[Row]) -> Iterator[tuple[Row, PageData, Sequence[PpocrvlError]]]:
        """What came of each page, and what failed on it."""
        if not rows:
            return
        begun: list[Path] = []
        jobs = jobs_by_document(
            [(row.path, row.page) for row in rows],
            self._settings.base,
            self._settings.options,
            lambda number: begun.append(self._attempts.begin(self._key(rows[number]))),
        )
        try:
            with Pages(jobs, self._parts) as pages:
                for one in pages:
                    if isinstance(one, PageRead):
                        yield rows[one.job.document], one.data, one.errors
                    else:
                        row = rows[one.document]
                        yield row, _unread(row, one_line(one.error)), [one.error]
        finally:  # an attempt that was given up in peace is none
            for path in begun:
                path.unlink(missing_ok=True)

    def _keep(self, row: Row, record: PageRecord) -> Row:
        key = self._key(row)
        self._manifest.keep_page(key, record)
        self._attempts.forget(key)
        return self._done(row, record, "failed" if record.reasons else "read")

    def _give_up(self, row: Row, workers: Sequence[str]) -> Row:
        ends = f"the process that read it ended, {len(workers)} times"
        reasons = tuple(
            (int(ExitCode.ENGINE), f"the process that read it ended (worker {name})")
            for name in workers
        )
        return self._keep(row, PageRecord(_unread(row, ends), reasons))

    def _done(self, row: Row, record: PageRecord, state: State) -> Row:
        code, error = record.reasons[-1] if record.reasons else (0, "")
        error = record.data.error or error
        return replace(row, state=state, error=error, code=code, worker=self._worker)

    def _key(self, row: Row) -> str:
        return self._manifest.page_key(row.sha256, row.page)


def jobs_by_document(
    pages: Sequence[tuple[bytes, int]],
    base: Path,
    options: ParseOptions,
    begin: Callable[[int], object] = lambda _: None,
) -> Iterator[PageJob | NoDocument]:
    """Jobs for some pages; each has the place of its page among these as its document.

    A document is opened once for pages that follow each other, when the first of them is begun.

    Args:
        pages: of each the path of its document, and its index there.
        base: where relative paths begin.
        options: how they are read.
        begin: called with the place of each page that is begun.
    """
    for path, group in groupby(enumerate(pages), key=lambda one: one[1][0]):
        waiting = list(group)
        try:
            with open_listed(path, base, options) as source:
                while waiting:
                    place, (_, index) = waiting[0]
                    begin(place)
                    yield from jobs_of(source, place, [index])
                    del waiting[0]
        except OutputError:  # of `begin`
            raise
        except PpocrvlError as error:
            yield from (NoDocument(place, error) for place, _ in waiting)


def _unread(row: Row, error: str) -> PageData:
    return PageData(index=row.page, width=0, height=0, dpi=0.0, error=error)


def _may_pass(error: PpocrvlError) -> bool:
    """Whether a further attempt may go well: memory comes back, a broken document does not."""
    is_engines = isinstance(error, EngineError) and not isinstance(error, InvalidTextError)
    return is_engines or type(error) is PpocrvlError
