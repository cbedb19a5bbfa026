# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl eval` of whole documents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.cli.eval_readings import Readings
from ppocrvl.cli.parallel_flag import USUAL_PARALLEL

if TYPE_CHECKING:
    import argparse

    from ppocrvl.evaluation import DocumentItem
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

    readings = Readings("documents", kept)
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
            keep=readings.keep,
            progress=partial(readings.progress, "parsing"),
        )
    text = render_documents(evaluation)
    return readings.end(evaluation, text, args.dataset, "none of its documents could be opened")
