# SPDX-License-Identifier: Apache-2.0
"""An evaluation as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.evaluation.run import Evaluation, Summary

_COLUMNS = ("images", "failed", "unended", "CER", "WER", "exact", "cells", "TEDS", "s each")


def render(evaluation: Evaluation) -> str:
    """A table by task, and one for each tag; ends with a newline."""
    return "".join(f"{line}\n" for line in _lines(evaluation))


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
