# SPDX-License-Identifier: Apache-2.0
"""Parses a set of documents and sums up how near their Markdown is to the true one."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ppocrvl.document.document import Document
from ppocrvl.errors import MissingExtraError
from ppocrvl.evaluation.sums import by_tag, share
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.jobs import page_jobs
from ppocrvl.parsing.parts import NoDocument
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.sources.opening import open_document

try:
    from ppocrvl.evaluation.document_metrics import DocumentScore, score
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f'evaluation needs the package {error.name}; install it with pip install "ppocrvl[eval]"'
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ppocrvl.document.types import PageData
    from ppocrvl.evaluation.document_set import DocumentItem
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import Parts


@dataclass(frozen=True, slots=True)
class EvaluatedDocument:
    """What became of a document.

    Attributes:
        item: the document and its truth.
        markdown: what was read; "" where it could not be opened.
        score: how near it is to the truth.
        n_pages: pages that were read, those that failed included.
        n_failed: pages and blocks that failed.
        error: why it could not be opened; else "".
    """

    item: DocumentItem
    markdown: str
    score: DocumentScore
    n_pages: int
    n_failed: int = 0
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        values = asdict(self)
        values["item"]["document"] = str(self.item.document)
        return values


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """Figures of some documents.

    Attributes:
        n: documents.
        n_unopened: those that could not be opened; the figures below leave them out.
        n_pages: pages.
        n_failed: pages and blocks that failed; what they lack counts as an error.
        distance: mean over documents of character errors over the longer text.
        order: share of pairs of parts in the right order; None where no two were found.
        headings: F1 of headings; None where there are none.
        teds: mean over true tables, 0 for a missing one; None without tables.
        formulas: mean over true displayed formulas of how alike the read one is; None without.
    """

    n: int
    n_unopened: int
    n_pages: int
    n_failed: int
    distance: float | None
    order: float | None
    headings: float | None
    teds: float | None
    formulas: float | None


@dataclass(frozen=True, slots=True)
class DocumentEvaluation:
    """All documents of a set, in its order, and their sums.

    Attributes:
        model: what read.
        readings: one for each item.
        total: figures of all.
        tags: figures by tag and value.
        seconds: for all pages together, several of which are under way at once.
    """

    model: str
    readings: tuple[EvaluatedDocument, ...]
    total: DocumentSummary
    tags: dict[str, dict[str, DocumentSummary]]
    seconds: float

    @property
    def pages_a_minute(self) -> float:
        """Speed of the whole."""
        return 60.0 * self.total.n_pages / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        values = asdict(self)
        values["readings"] = [reading.to_dict() for reading in self.readings]
        values["pages_a_minute"] = self.pages_a_minute
        return values


def evaluate_documents(
    items: Sequence[DocumentItem],
    parts: Parts,
    options: ParseOptions,
    *,
    model: str = "",
    keep: Callable[[EvaluatedDocument], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DocumentEvaluation:
    """Parses every document; what fails is counted, and the others go on.

    Args:
        items: what is read.
        parts: what it is read with.
        options: how documents are opened.
        model: its name, for the report.
        keep: called with each document as it is there.
        progress: called with (documents done, documents in all).

    Raises:
        EngineError: the engine failed.
    """
    began = time.perf_counter()
    readings = []
    for done, reading in enumerate(_readings(items, parts, options), 1):
        readings.append(reading)
        if keep:
            keep(reading)
        if progress:
            progress(done, len(items))
    return DocumentEvaluation(
        model=model,
        readings=tuple(readings),
        total=summarize_documents(readings),
        tags=by_tag(readings, summarize_documents),
        seconds=time.perf_counter() - began,
    )


def summarize_documents(readings: Iterable[EvaluatedDocument]) -> DocumentSummary:
    """The figures of some documents."""
    every = list(readings)
    scores = [one.score for one in every if not one.error]
    tables = [value for one in scores for value in one.tables if value is not None]
    formulas = [value for one in scores for value in one.formulas]
    return DocumentSummary(
        n=len(every),
        n_unopened=len(every) - len(scores),
        n_pages=sum(one.n_pages for one in every),
        n_failed=sum(one.n_failed for one in every),
        distance=share(sum(one.distance for one in scores), len(scores)),
        order=share(sum(s.pairs_in_order for s in scores), sum(s.pairs for s in scores)),
        headings=share(
            2 * sum(s.headings_found for s in scores),
            sum(s.headings + s.headings_read for s in scores),
        ),
        teds=share(sum(tables), len(tables)),
        formulas=share(sum(formulas), len(formulas)),
    )


def _readings(
    items: Sequence[DocumentItem], parts: Parts, options: ParseOptions
) -> Iterator[EvaluatedDocument]:
    openings = [
        partial(open_document, one.document, dpi=options.dpi, password=options.password)
        for one in items
    ]
    gathered: list[PageData] = []
    with Pages(page_jobs(openings, pages=options.pages), parts) as pages:
        for one in pages:
            if isinstance(one, NoDocument):
                # One that breaks after some pages is no document either.
                gathered, item = [], items[one.document]
                yield EvaluatedDocument(item, "", score("", item.markdown), 0, error=str(one.error))
                continue
            gathered.append(one.data)
            if one.job.is_last:
                yield _read(items[one.job.document], gathered)
                gathered = []


def _read(item: DocumentItem, pages: Sequence[PageData]) -> EvaluatedDocument:
    document = Document.of(str(item.document), len(pages), finish_document(pages))
    markdown = document.to_markdown()
    errors = [page.error for page in pages]
    errors += [block.error for page in pages for block in page.blocks]
    n_failed = sum(error is not None for error in errors)
    return EvaluatedDocument(item, markdown, score(markdown, item.markdown), len(pages), n_failed)
