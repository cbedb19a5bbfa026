# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl completion`: what a shell reads to complete this program's commands and flags."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ppocrvl.errors import ExitCode, MissingExtraError

if TYPE_CHECKING:
    import argparse

NAME = "completion"
HELP = "print a shell's completion script"
SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="as in: ppocrvl completion bash > FILE")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        raise MissingExtraError(
            'completion needs shtab; install it with: pip install "ppocrvl[completion]"'
        ) from error
    from ppocrvl.cli.main import build_parser

    sys.stdout.write(shtab.complete(build_parser(), shell=args.shell) + "\n")
    return ExitCode.OK
