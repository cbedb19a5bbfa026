# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl client`: pictures to text on a server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.reading import read_all, read_one
from ppocrvl.cli.request_flags import add_request_flags, as_keywords, request_options

if TYPE_CHECKING:
    from ppocrvl.client import Client

NAME = "client"
HELP = "read pictures on a server: ppocrvl serve, llama-server, vLLM and others"
DEFAULT_URL = "http://127.0.0.1:8080"
USUAL_PARALLEL = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="picture to read; - for standard input"
    )
    parser.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    add_server_flags(parser)
    parser.add_argument(
        "--parallel",
        type=int,
        default=USUAL_PARALLEL,
        metavar="N",
        help="send N requests at once (default: %(default)s)",
    )
    add_request_flags(parser)
    parser.add_argument("--text", dest="prompt", help="the same as --prompt")
    parser.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="print the text of one picture as it comes (default: on a terminal)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per picture and line")


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """What a server is asked with, beside its address. The key comes from the environment."""
    parser.add_argument(
        "--server-model", metavar="NAME", help="model on the server (default: the first it lists)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="that the server may be silent (default: %(default)s)",
    )
    parser.add_argument(
        "--retries",
        type=int,
        default=5,
        metavar="N",
        help="tries again after 429, 503, or without a connection (default: %(default)s)",
    )


def make_client(args: argparse.Namespace, url: str, parallel: int) -> Client:
    """The client of the flags."""
    from ppocrvl.client import Client

    return Client(
        url,
        model=args.server_model,
        parallel=parallel,
        timeout=args.timeout,
        retries=args.retries,
    )


def run(args: argparse.Namespace) -> int:
    """Read the pictures in order."""
    options = as_keywords(request_options(args))
    with make_client(args, args.url, args.parallel) as client:
        stream = sys.stdout.isatty() if args.stream is None else args.stream
        if stream and len(args.images) == 1 and not args.json and not args.retry:
            return read_one(client, args.images[0], options)
        return read_all(client, args.images, options, as_json=args.json)
