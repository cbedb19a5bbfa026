# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr`: pictures to text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.cli.asked import add_picture_arguments, asked_for
from ppocrvl.cli.client import add_server_flags, make_client
from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note_about
from ppocrvl.cli.output_flags import add_output_flags, is_plain, output_sink
from ppocrvl.cli.page_hint import hint_at_parse
from ppocrvl.cli.parallel_flag import USUAL_PARALLEL, add_parallel_flag
from ppocrvl.cli.read_pictures import read_all, read_one
from ppocrvl.cli.reader_flags import refuse_flags_of_another_reader
from ppocrvl.cli.request_flags import add_request_flags, as_keywords, request_options
from ppocrvl.images.limits import MAX_IMAGE_PIXELS

if TYPE_CHECKING:
    import argparse

    from ppocrvl.engine.backend import Backend

NAME = "ocr"
HELP = "read images: text, tables, formulas"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_picture_arguments(parser)
    add_engine_flags(parser)
    parser.add_argument(
        "--server", metavar="URL", help="read on this server instead of in this process"
    )
    add_server_flags(parser)
    parser.add_argument(
        "--max-image-pixels",
        type=int,
        metavar="N",
        help=f"refuse images of more pixels (default: {MAX_IMAGE_PIXELS})",
    )
    most = f"read N images at once (default: as many as there are, at most {USUAL_PARALLEL})"
    add_parallel_flag(parser, most, default=None)
    add_request_flags(parser)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Read the pictures in order. One that fails is reported, and the others are still read."""
    options = as_keywords(request_options(args))
    _refuse_what_cannot_apply(args)
    asked = asked_for(args)
    n_parallel = args.n_parallel if args.n_parallel is not None else min(USUAL_PARALLEL, len(asked))
    if args.task in {None, "ocr"} and args.prompt is None:
        hint_at_parse(asked)
    streams = is_plain(args, asked) and not args.retry
    sink = None if streams else output_sink(args, asked)
    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    backend: Backend
    if args.server is None:
        backend = _engine(args, n_parallel)
    else:
        backend = make_client(args, args.server, n_parallel)
    if sink is None:
        return read_one(backend, asked[0], options)
    return read_all(backend, asked, options, sink)


def _refuse_what_cannot_apply(args: argparse.Namespace) -> None:
    limit = [] if args.max_image_pixels is None else ["--max-image-pixels"]
    refuse_flags_of_another_reader(args, given_for_engine=limit)


def _engine(args: argparse.Namespace, n_parallel: int) -> Backend:
    from ppocrvl.engine.engine import Engine

    limit = {} if args.max_image_pixels is None else {"max_image_pixels": args.max_image_pixels}
    engine = Engine(args.model, n_parallel=n_parallel, **limit, **engine_options(args))
    note_about(engine)
    return engine
