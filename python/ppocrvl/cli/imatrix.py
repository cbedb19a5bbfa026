# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl imatrix`: how much each column of a model's matrices counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.writing import ProgressLine, cleanup_on_termination
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    import argparse

NAME = "imatrix"
HELP = "collect an importance matrix for quantize while reading images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="folder with an LLM and an mmproj file, or the LLM file"
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="images like those that the model will read; some dozens",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="replaced if it is there"
    )
    parser.add_argument("--task", default="ocr", metavar="TASK", help="default: %(default)s")
    parser.add_argument(
        "--max-tokens", type=int, default=1024, metavar="N", help="of an answer; default: 1024"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all cores")


def run(args: argparse.Namespace) -> int:
    """Read the pictures, and write the file."""
    from ppocrvl.quantizer.collect import imatrix

    with cleanup_on_termination():
        matrix = imatrix(
            args.model,
            args.images,
            args.output,
            task=args.task,
            max_tokens=args.max_tokens,
            n_threads=args.threads,
            progress=ProgressLine("images", 1),
        )
    counts_by_model = {"language model": 0, "vision side": 0}
    for name in matrix.squares:
        counts_by_model["vision side" if name.startswith(("v.", "mm.")) else "language model"] += 1
    counts = ", ".join(
        f"{count} matrices of the {model}" for model, count in counts_by_model.items()
    )
    images = f"{matrix.n_chunks} image{'s' * (matrix.n_chunks != 1)}"
    sys.stdout.write(f"{args.output}: {counts}, {images}\n")
    return ExitCode.OK
