# SPDX-License-Identifier: Apache-2.0
"""An evaluation as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.evaluation.documents import DocumentEvaluation, DocumentSummary
    from ppocrvl.evaluation.run import Evaluation, Summary

_COLUMNS = ("images", "failed", "unended", "CER", "WER", "exact", "cells", "TEDS", "s each")
_DOCUMENT_COLUMNS = (
    *("documents", "unopened", "pages", "failed", "distance", "order", "headings", "TEDS"),
    "formulas",
)


def render(evaluation: Evaluation) -> str:
    """A table by task, and one for each tag; ends with a newline."""
    return "".join(f"{line}\n" for line in _lines(evaluation))


def render_documents(evaluation: DocumentEvaluation) -> str:
    """A table of the whole, one for each tag, and the speed; ends with a newline."""
    lines = list(_document_table(evaluation.model, {"all": evaluation.total}))
    for tag, values in evaluation.tags.items():
        lines += ["", *_document_table(f"by {tag}", values)]
    return "\n".join([*lines, "", f"{evaluation.pages_a_minute:.1f} pages a minute", ""])


def _document_table(title: str, rows: dict[str, DocumentSummary]) -> Iterator[str]:
    width = max(len(name) for name in (title, *rows)) + 2
    yield f"{title:{width}}" + "".join(f"{name:>10}" for name in _DOCUMENT_COLUMNS)
    for name, s in rows.items():
        counts = "".join(f"{n:>10,}" for n in (s.n, s.n_unopened, s.n_pages, s.n_failed))
        shares = "".join(f"{_percent(v):>10}" for v in (s.distance, s.order, s.headings))
        alike = "" if s.teds is None else f"{s.teds:.4f}"
        yield f"{name:{width}}{counts}{shares}{alike:>10}{_percent(s.formulas):>10}"


def _lines(evaluation: Evaluation) -> Iterator[str]:
    yield from _table(evaluation.model, evaluation.tasks)
    if evaluation.agreement:
        yield ""
        yield f"{'against the reference':24}{'tokens':>10}{'top-1':>10}{'KL, nats':>12}"
        for task, found in evaluation.agreement.items():
            yield f"{task:24}{found.n_tokens:>10,}{found.top1:>10.2%}{found.kl:>12.6f}"
    for tag, values in evaluation.tags.items():
        yield ""
        yield from _table(
            f"by {tag}",
            {
                f"{value}, {task}": summary
                for value, tasks in values.items()
                for task, summary in tasks.items()
            },
        )


def _table(title: str, rows: dict[str, Summary]) -> Iterator[str]:
    width = max(len(name) for name in (title, *rows)) + 2
    yield f"{title:{width}}" + "".join(f"{name:>10}" for name in _COLUMNS)
    for name, s in rows.items():
        counts = "".join(f"{n:>10,}" for n in (s.n, s.n_failed, s.n_unended))
        shares = "".join(f"{_percent(v):>10}" for v in (s.cer, s.wer, s.exact, s.cells))
        similarity = "" if s.teds is None else f"{s.teds:.4f}"
        seconds = "" if s.seconds is None else f"{s.seconds:.2f}"
        yield f"{name:{width}}{counts}{shares}{similarity:>10}{seconds:>10}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
