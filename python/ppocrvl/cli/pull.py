# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl pull`: fetch a model from a hub."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note
from ppocrvl.errors import ExitCode, ModelError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

NAME = "pull"
HELP = "fetch a model (a pair of GGUF files) from a model hub, and print its path"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("repo", metavar="REPO", help="OWNER/NAME on the hub (HF_ENDPOINT)")
    parser.add_argument(
        "--revision", metavar="R", help="branch, tag or commit (default: the pinned one, else main)"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="folder for the files (default: in the user's cache)"
    )
    parser.add_argument(
        "--llm-file", metavar="PATTERN", help="which LLM file, if there are several"
    )
    parser.add_argument("--mmproj-file", metavar="PATTERN", help="which mmproj file, likewise")
    parser.add_argument("--offline", action="store_true", help="only find what was pulled before")


def run(args: argparse.Namespace) -> int:
    """Fetch, check, and print what --model takes."""
    from ppocrvl.models.hub import pull

    path = pull(
        args.repo,
        revision=args.revision,
        folder=args.output,
        llm=args.llm_file,
        mmproj=args.mmproj_file,
        offline=args.offline,
    )
    sys.stdout.write(f"{path}\n")
    sys.stdout.flush()
    model = args.repo if args.output is None and _is_found_by_name(args.repo, path) else path
    note(f"to read with it: ppocrvl ocr --model {shlex.quote(str(model))} PICTURE")
    return ExitCode.OK


def _is_found_by_name(repo: str, path: Path) -> bool:
    """Whether `--model OWNER/NAME` is this model: not where several revisions were pulled."""
    from ppocrvl.models.folder import find_model

    try:
        return find_model(repo) == find_model(path)
    except ModelError:
        return False
