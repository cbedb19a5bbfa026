# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl eval` of whole documents."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note, report
from ppocrvl.cli.parse import USUAL_PARALLEL
from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import DatasetError, ExitCode

if TYPE_CHECKING:
    import argparse

    from ppocrvl.evaluation import DocumentItem, EvaluatedDocument
    from ppocrvl.evaluation.partial import PartialReport


def read_all(
    args: argparse.Namespace, items: list[DocumentItem], kept: PartialReport | None
) -> int:
    """Parse everything and print the figures."""
    from ppocrvl.engine.engine import Engine
    from ppocrvl.evaluation import evaluate_documents
    from ppocrvl.evaluation.report import render_documents
    from ppocrvl.parsing.layouts import open_layout
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import Parts
    from ppocrvl.parsing.remembering import Memory

    line = ProgressLine("documents", 1)

    def keep(reading: EvaluatedDocument) -> None:
        if reading.error:
            line.clear()
            note(reading.error)
        if kept is not None:
            kept.add(reading.to_dict())

    options = ParseOptions.of({"max_tokens": args.max_tokens})
    with (
        open_layout(args.layout, args.model) as layout,
        Engine(args.model, n_threads=args.threads, n_parallel=USUAL_PARALLEL) as engine,
    ):
        parts = Parts(layout, engine, Memory(None, {}), options.blocks_for(engine))
        evaluation = evaluate_documents(
            items,
            parts,
            options,
            model=args.model,
            keep=keep,
            progress=lambda done, total: line("parsing", done, total),
        )
    sys.stdout.write(render_documents(evaluation))
    sys.stdout.flush()
    if kept is not None:
        kept.complete(evaluation.to_dict())
    if all(reading.error for reading in evaluation.readings):
        return report(DatasetError(f"{args.dataset}: none of its documents could be opened"))
    return ExitCode.OK
