# SPDX-License-Identifier: Apache-2.0
"""What is to be read: pictures on the command line, or a file with a request on each line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.request_flags import FLAGS, read_text
from ppocrvl.errors import OptionError
from ppocrvl.requests.options import GUESSED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.request import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture or request, and how it is called in what the command prints."""

    name: str
    item: ImageSource | Request


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image to read; - for standard input"
    )
    parser.add_argument(
        "--jsonl-requests",
        metavar="FILE",
        help="read what FILE asks for instead: a JSON object on each line, with `image`, a path, "
        "and the options of that request; - for standard input",
    )


def asked_for(args: argparse.Namespace) -> list[Asked]:
    """The pictures or requests, in their order.

    Raises:
        OptionError: there is nothing to read, or both kinds; a flag of a request stands beside
            requests with options of their own; or a line is no request (none is read then).
    """
    if args.jsonl_requests is None:
        if not args.images:
            raise OptionError("name an image, or - for standard input")
        if args.draft not in {None, GUESSED} and len(args.images) > 1:
            raise OptionError("--draft FILE is what one image says; auto is for several")
        return [Asked(name, sys.stdin.buffer if name == "-" else name) for name in args.images]
    if args.images:
        raise OptionError("--jsonl-requests names its images itself; leave the others out")
    given = [name for name in FLAGS if getattr(args, name) is not None]
    if given:
        flag = f"--{given[0].replace('_', '-')}"
        raise OptionError(
            f"{flag} is not with --jsonl-requests, whose lines have their own options"
        )
    asked = list(_requests(args.jsonl_requests))
    if not asked:
        raise OptionError(f"{args.jsonl_requests} holds no request")
    return asked


def _requests(file: str) -> Iterator[Asked]:
    from ppocrvl.requests.request import Request

    folder = Path() if file == "-" else Path(file).parent
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            request = Request.from_json(json.loads(line), folder=folder)
        except (OptionError, ValueError) as error:
            raise OptionError(f"{file}, line {number}: {error}") from error
        yield Asked(f"line {number}" if request.image is None else str(request.image), request)
