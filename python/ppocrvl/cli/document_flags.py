# SPDX-License-Identifier: Apache-2.0
"""How documents are read and written, as flags of the commands that do."""

from __future__ import annotations

import argparse
from typing import Any

from ppocrvl.cli.request_flags import add_request_flags, given_request_flags

_REQUEST_FLAGS = (
    *("max_tokens", "min_pixels", "max_pixels", "repetition_penalty", "utf8", "stop_loops"),
    "retry",
)
_SWITCHES = {
    "charts": "read charts as tables",
    "seals": "read seals",
    "images": "read text in figures",
    "merge": "read blocks of text that belong together as one (default: yes)",
    "turn": "turn pages upright that lie on their side or head",
}


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Declare how they are read."""
    parser.add_argument("--pages", metavar="1-3,7,-1", help="only these; -1 is the last one")
    parser.add_argument(
        "--dpi", type=float, metavar="N", help="render PDFs at N pixels per inch (default: 144)"
    )
    parser.add_argument("--password", metavar="P", help="of encrypted PDFs")
    parser.add_argument(
        "--text-layer",
        choices=("never", "auto"),
        help="auto: take text from the PDF where it can be trusted (default: never)",
    )
    parser.add_argument(
        "--drafts",
        choices=("auto", "none"),
        help="auto: be faster where the text of the PDF is what is read (default: auto)",
    )
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="another layout model; none: read each page as one block (default: the one beside "
        "the model, else the built-in one)",
    )
    parser.add_argument(
        "--page-deadline",
        type=float,
        metavar="SECONDS",
        help="end a page as it is, so long after it was begun",
    )
    for name, text in _SWITCHES.items():
        parser.add_argument(
            f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=text
        )
    add_request_flags(parser, _REQUEST_FLAGS)


def reading_keywords(args: argparse.Namespace) -> Any:  # noqa: ANN401 - ParseKeywords, loaded late
    """What was given of them, as keywords of `ParseOptions.of`.

    Raises:
        OptionError: a file of theirs cannot be read.
    """
    names = ("pages", "dpi", "password", "text_layer", "drafts", "page_deadline", *_SWITCHES)
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    return given | given_request_flags(args, _REQUEST_FLAGS)


def add_style_flags(parser: argparse.ArgumentParser) -> None:
    """Declare how Markdown is written, and whether pages are drawn."""
    parser.add_argument(
        "--figures",
        choices=("files", "embedded", "none"),
        help="of Markdown: files beside it, data within it, or left out (default: files with -o)",
    )
    parser.add_argument(
        "--style",
        choices=("commonmark", "official"),
        default="commonmark",
        help="of Markdown; official: as PaddleX writes it (default: %(default)s)",
    )
    parser.add_argument(
        "--draw", action="store_true", help="write images of the pages with their blocks as well"
    )


def add_fail_on_flag(parser: argparse.ArgumentParser) -> None:
    """Declare which failures the exit code tells of."""
    parser.add_argument(
        "--fail-on",
        choices=("any", "all", "never"),
        default="any",
        help="which failures of documents, pages and blocks the exit code tells of: any, all "
        "(nothing could be read), or never (default: %(default)s)",
    )
