# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl eval`: how well a model reads pictures whose text is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    import argparse

NAME = "eval"
HELP = "measure how well a model reads a set of pictures with known texts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="folder with an LLM and an mmproj file, or the LLM file"
    )
    parser.add_argument(
        "dataset",
        type=Path,
        metavar="DATASET",
        help="a JSONL file of {image, text, task, tags}, or a folder of pictures with .txt or "
        ".otsl files of the same names",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument("--max-tokens", type=int, default=2048, metavar="N", help="of an answer")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all cores")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write every reading as JSON")


def run(args: argparse.Namespace) -> int:
    """Read everything, and print the figures."""
    from ppocrvl.engine import Engine
    from ppocrvl.errors import OptionError
    from ppocrvl.evaluate import evaluate, read_dataset
    from ppocrvl.evaluate.report import render
    from ppocrvl.output import require_folder, write_text

    if args.limit is not None and args.limit < 1:
        raise OptionError(f"--limit {args.limit} leaves nothing to read")
    if args.report is not None:
        require_folder(args.report)
    items = read_dataset(args.dataset)[: args.limit]
    line = ProgressLine("pictures", 1)
    with Engine(args.model, n_threads=args.threads) as engine:
        evaluation = evaluate(
            engine,
            items,
            model=args.model,
            max_tokens=args.max_tokens,
            progress=lambda done, total: line("reading", done, total),
        )
    for reading in evaluation.readings:
        if reading.error:
            sys.stderr.write(f"ppocrvl: {reading.error}\n")
    if args.report is not None:
        write_text(args.report, json.dumps(evaluation.to_dict(), ensure_ascii=False) + "\n")
    sys.stdout.write(render(evaluation))
    return ExitCode.OK
