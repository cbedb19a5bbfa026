# SPDX-License-Identifier: Apache-2.0
"""Where answers go, and in which format, as flags of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.formats import FORMATS
from ppocrvl.cli.sinks import format_of, make_sink
from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ppocrvl.cli.asked import Asked
    from ppocrvl.cli.sinks import Sink


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PATH",
        help="write to this file; for several images a folder, with a file for each "
        "(default: standard output)",
    )
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="of the answers (default: by the extension of --output, else jsonl with "
        "--jsonl-requests, else text)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="the same as --format jsonl: one JSON object per image and line",
    )


def output_sink(args: argparse.Namespace, asked: Sequence[Asked]) -> Sink:
    """What takes the answers.

    Raises:
        OptionError: --json beside another --format, or a file for several pictures.
        OutputError: the folder cannot be made.
    """
    if args.json and args.format not in {None, "jsonl"}:
        raise OptionError(f"--json is --format jsonl; leave it out for --format {args.format}")
    said = "jsonl" if args.json else args.format
    if said is None and args.output is None and args.jsonl_requests is not None:
        said = "jsonl"
    return make_sink(args.output, format_of(said, args.output), len(asked))


def is_plain(args: argparse.Namespace, asked: Sequence[Asked]) -> bool:
    """Whether one picture's text goes to standard output, and can be printed as it comes."""
    is_stdout = args.output is None or str(args.output) == "-"
    is_one = len(asked) == 1 and args.jsonl_requests is None
    return is_one and is_stdout and not args.json and args.format in {None, "text"}
