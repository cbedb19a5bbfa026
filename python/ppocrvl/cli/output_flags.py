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

    from ppocrvl.cli.sinks import Sink


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PATH",
        help="write to this file; for several pictures a folder, with a file for each "
        "(default: standard output)",
    )
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="of the answers (default: by the extension of --output, else text)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="the same as --format jsonl: one JSON object per picture and line",
    )


def output_sink(args: argparse.Namespace) -> Sink:
    """What takes the answers to `args.images`.

    Raises:
        OptionError: --json beside another --format, or a file for several pictures.
        OutputError: the folder cannot be made.
    """
    if args.json and args.format not in {None, "jsonl"}:
        raise OptionError(f"--json is --format jsonl; leave it out for --format {args.format}")
    form = format_of("jsonl" if args.json else args.format, args.output)
    return make_sink(args.output, form, args.images)


def is_plain(args: argparse.Namespace) -> bool:
    """Whether one picture's text goes to standard output, and can be printed as it comes."""
    is_stdout = args.output is None or str(args.output) == "-"
    return len(args.images) == 1 and is_stdout and not args.json and args.format in {None, "text"}
