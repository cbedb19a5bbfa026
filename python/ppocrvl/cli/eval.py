# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl eval`: how well a model reads images and documents whose text is known."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.eval_readings import Readings
from ppocrvl.cli.messages import note
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    import argparse

    from ppocrvl.evaluation import Item
    from ppocrvl.evaluation.partial import PartialReport

NAME = "eval"
HELP = "measure how well a model reads a set of images or documents with known texts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="folder with an LLM and an mmproj file, or the LLM file",
    )
    parser.add_argument(
        "dataset",
        nargs="?",
        type=Path,
        metavar="DATASET",
        help="a JSONL file of {image, text, task, tags}, or a folder of images with .txt or "
        ".otsl files of the same names; for whole documents {document, markdown, tags}, or a "
        "folder of PDFs and images with .md files",
    )
    parser.add_argument(
        "--reference",
        metavar="MODEL",
        help="compare predictions on the true texts with this model's, such as the BF16 files",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        type=Path,
        metavar="REPORT",
        help="read nothing: put reports side by side, the first as baseline",
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="of --compare: write plots into this folder"
    )
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="of documents: another layout model; none: read each page as one block",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N")
    parser.add_argument("--max-tokens", type=int, default=2048, metavar="N", help="of an answer")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all cores")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write every reading as JSON; FILE.part has them as they come",
    )


def run(args: argparse.Namespace) -> int:
    """Read everything, or compare reports, and print the figures."""
    from ppocrvl.errors import OptionError

    if args.compare:
        return _compare(args)
    if args.model is None or args.dataset is None:
        raise OptionError("name a model and a dataset, or reports with --compare")
    if args.plots:
        raise OptionError("--plots belongs to --compare")
    return _evaluate(args)


def _compare(args: argparse.Namespace) -> int:
    from ppocrvl.errors import OptionError
    from ppocrvl.evaluation.comparison import plot, read_rows, render
    from ppocrvl.support.output import make_folder

    if args.model is not None:
        raise OptionError("--compare takes reports, and neither a model nor a dataset")
    rows = read_rows(args.compare)
    if args.plots:
        for path in plot(rows, make_folder(args.plots)):
            sys.stderr.write(f"{path}\n")
    sys.stdout.write(render(rows))
    return ExitCode.OK


def _evaluate(args: argparse.Namespace) -> int:
    from ppocrvl.cli.eval_documents import read_all
    from ppocrvl.errors import OptionError
    from ppocrvl.evaluation import holds_documents, read_dataset, read_documents
    from ppocrvl.evaluation.partial import PartialReport

    if args.limit is not None and args.limit < 1:
        raise OptionError(f"--limit {args.limit} leaves nothing to read")
    if holds_documents(args.dataset):
        if args.reference is not None:
            raise OptionError("--reference is for images; leave it out with documents")
        read = partial(read_all, args, read_documents(args.dataset)[: args.limit])
    else:
        if args.layout is not None:
            raise OptionError("--layout is for documents; leave it out with images")
        read = partial(_read, args, read_dataset(args.dataset)[: args.limit])
    if args.report is None:
        return read(None)
    with PartialReport(args.report) as kept:
        try:
            return read(kept)
        finally:
            if not kept.is_empty:
                note(f"what was read so far is in {kept.path}")


def _read(args: argparse.Namespace, items: list[Item], kept: PartialReport | None) -> int:
    import dataclasses

    from ppocrvl.engine.engine import Engine
    from ppocrvl.evaluation import agreement, evaluate
    from ppocrvl.evaluation.report import render

    readings = Readings("images", kept)
    # The reference comes first: what is wrong with it shows at once, and not after the reading.
    found = {}
    if args.reference is not None:
        found = agreement(
            args.model,
            args.reference,
            items,
            n_threads=args.threads,
            progress=partial(readings.progress, "comparing"),
        )
        if kept is not None:
            kept.add({"agreement": {task: one.to_dict() for task, one in found.items()}})
    with Engine(args.model, n_threads=args.threads) as engine:
        evaluation = evaluate(
            engine,
            items,
            model=args.model,
            max_tokens=args.max_tokens,
            keep=readings.keep,
            progress=partial(readings.progress, "reading"),
        )
    evaluation = dataclasses.replace(evaluation, agreement=found)
    text = render(evaluation)
    return readings.end(evaluation, text, args.dataset, "none of its images could be read")
