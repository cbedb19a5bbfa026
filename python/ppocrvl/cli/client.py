# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl client`: pictures and documents to text on a server."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.asked import add_picture_arguments, asked_for
from ppocrvl.cli.output_flags import add_output_flags, is_plain, output_sink
from ppocrvl.cli.parallel_flag import add_parallel_flag
from ppocrvl.cli.read_pictures import read_all, read_one
from ppocrvl.cli.request_flags import (
    add_request_flags,
    as_keywords,
    given_request_flags,
    request_options,
)
from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from ppocrvl.client import Client

NAME = "client"
HELP = "read images and documents on a server: ppocrvl serve; llama-server, vLLM and others"
DEFAULT_URL = "http://127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_picture_arguments(parser)
    parser.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    add_server_flags(parser)
    add_parallel_flag(parser, "send N requests at once (default: %(default)s)")
    add_request_flags(parser)
    parser.add_argument("--text", dest="prompt", help="the same as --prompt")
    parser.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="print the text of one image as it comes (default: on a terminal)",
    )
    add_output_flags(parser)
    parser.add_argument(
        "--to",
        metavar="FORMAT[,FORMAT]",
        help="read documents, PDFs too, page by page, to md, json, html, txt, csv or paddlex-json; "
        "ppocrvl parse --server has all their options",
    )
    parser.add_argument("--pages", metavar="1-3,7,-1", help="only these, of documents")


_SERVER_FLAGS: dict[str, tuple[str, dict[str, Any]]] = {
    "model": (
        "--server-model",
        {"metavar": "NAME", "help": "model on the server (default: the first it lists)"},
    ),
    "timeout": (
        "--timeout",
        {
            "type": float,
            "metavar": "SECONDS",
            "help": "that the server may be silent (default: 600)",
        },
    ),
    "retries": (
        "--retries",
        {
            "type": int,
            "metavar": "N",
            "help": "tries again after 429, 503, or without a connection (default: 5)",
        },
    ),
}
"""The flag and its arguments, by the keyword of `Client`. None is what was not given."""


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """What a server is asked with, beside its address. The key comes from the environment."""
    for name, (flag, arguments) in _SERVER_FLAGS.items():
        parser.add_argument(flag, dest=f"server_{name}", default=None, **arguments)


def given_server_flags(args: argparse.Namespace) -> list[str]:
    """The flags that were given."""
    return [_SERVER_FLAGS[name][0] for name in _server_options(args)]


def make_client(args: argparse.Namespace, url: str, n_parallel: int) -> Client:
    """The client of the flags."""
    from ppocrvl.client import Client

    return Client(url, n_parallel=n_parallel, **_server_options(args))


def _server_options(args: argparse.Namespace) -> dict[str, Any]:
    values = {name: getattr(args, f"server_{name}") for name in _SERVER_FLAGS}
    return {name: value for name, value in values.items() if value is not None}


def run(args: argparse.Namespace) -> int:
    """Read the pictures or documents in order."""
    if args.to is not None:
        return _read_documents(args)
    if args.pages is not None:
        raise OptionError("--pages is for documents: with --to")
    options = as_keywords(request_options(args))
    asked = asked_for(args)
    can_stream = is_plain(args, asked) and not args.retry
    if args.stream and not can_stream:
        raise OptionError("--stream is for the text of one image, without -o and --retry")
    streams = can_stream and (sys.stdout.isatty() if args.stream is None else args.stream)
    sink = None if streams else output_sink(args, asked)
    with make_client(args, args.url, args.n_parallel) as client:
        if sink is None:
            return read_one(client, asked[0], options)
        return read_all(client, asked, options, sink)


def _read_documents(args: argparse.Namespace) -> int:
    from ppocrvl.cli.parse_inputs import find_inputs
    from ppocrvl.cli.parse_on_server import pages_on_server
    from ppocrvl.cli.parse_output import document_sink
    from ppocrvl.cli.read_documents import read_documents
    from ppocrvl.parsing.sources.opening import DPI

    asked_for(args)  # that there is something to read
    given = given_request_flags(args)
    for name in ("task", "prompt", "jsonl_requests", "format", "stream", "json"):
        if getattr(args, name):
            raise OptionError(f"--{name.replace('_', '-')} is not for documents")
    usual = argparse.Namespace(
        output=args.output,
        to=args.to,
        jsonl=False,
        draw=False,
        redo=False,
        fail_on="any",
        figures=None,
        style="commonmark",
    )
    inputs = find_inputs(args.images, dpi=DPI, password=None)
    with (
        closing(document_sink(usual, inputs)) as sink,
        make_client(args, args.url, args.n_parallel) as client,
    ):
        options = {**given, "page_images": sink.wants_images}
        if args.pages is not None:
            options["pages"] = args.pages
        return read_documents(usual, inputs, pages_on_server(client, inputs, options), sink)
