# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl pull`: fetch a model from a hub."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note
from ppocrvl.cli.writing import cleanup_on_termination
from ppocrvl.errors import ExitCode, ModelError
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

NAME = "pull"
HELP = "fetch a model, with its layout model, from a model hub, and print its path"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("repo", metavar="REPO", help="OWNER/NAME on the hub (HF_ENDPOINT)")
    parser.add_argument(
        "--revision", metavar="R", help="branch, tag or commit (default: the pinned one, else main)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder for the GGUF files (default: in the user's cache)",
    )
    parser.add_argument(
        "--llm-file", metavar="PATTERN", help="which LLM file, if there are several"
    )
    parser.add_argument("--mmproj-file", metavar="PATTERN", help="which mmproj file, likewise")
    parser.add_argument(
        "--no-layout",
        dest="layout",
        action="store_false",
        help="leave out the layout model that goes with a known model",
    )
    parser.add_argument("--offline", action="store_true", help="only find what was pulled before")


def run(args: argparse.Namespace) -> int:
    """Fetch, check, and print what --model takes."""
    from ppocrvl.pulling import pull

    with cleanup_on_termination():
        path = pull(
            args.repo,
            revision=args.revision,
            folder=args.output,
            llm=args.llm_file,
            mmproj=args.mmproj_file,
            layout=args.layout,
            offline=args.offline,
        )
    sys.stdout.write(f"{path}\n")
    sys.stdout.flush()
    model = args.repo if args.output is None and _is_found_by_name(args.repo, path) else path
    note(_how_to_go_on(shlex.quote(str(model)), is_layout=args.repo in LAYOUT_CHECKPOINTS))
    return ExitCode.OK


def _how_to_go_on(model: str, *, is_layout: bool) -> str:
    if is_layout:
        return f"to find regions with it: ppocrvl layout --layout {model} IMAGE"
    return f"to read with it: ppocrvl ocr --model {model} IMAGE"


def _is_found_by_name(repo: str, path: Path) -> bool:
    """Whether `--model OWNER/NAME` is this model: not where several revisions were pulled."""
    from ppocrvl.models.folder import find_layout, find_model

    try:
        if repo in LAYOUT_CHECKPOINTS:
            return find_layout(layout=repo) == path
        return find_model(repo) == find_model(path)
    except ModelError:
        return False
