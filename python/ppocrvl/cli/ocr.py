# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr`: pictures to text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.cli.client import USUAL_PARALLEL, add_server_flags, make_client
from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note
from ppocrvl.cli.reading import read_all, read_one
from ppocrvl.cli.request_flags import add_request_flags, as_keywords, request_options
from ppocrvl.errors import OptionError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS

if TYPE_CHECKING:
    import argparse

    from ppocrvl.engine.backend import Backend

NAME = "ocr"
HELP = "read pictures: text, tables, formulas"

BUILT_IN_NOTE = (
    "using the small built-in model, which reads printed English (lines, blocks, small tables); "
    "for the real one: ppocrvl pull PaddlePaddle/PaddleOCR-VL-1.6-GGUF, then --model FOLDER "
    "or PPOCRVL_MODEL"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="picture to read; - for standard input"
    )
    add_engine_flags(parser)
    parser.add_argument(
        "--server", metavar="URL", help="read on this server instead of in this process"
    )
    add_server_flags(parser)
    parser.add_argument(
        "--max-image-pixels",
        type=int,
        default=MAX_IMAGE_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--parallel",
        type=int,
        metavar="N",
        help="read N pictures at once (default: as many as there are, at most 4)",
    )
    add_request_flags(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per picture and line")


def run(args: argparse.Namespace) -> int:
    """Read the pictures in order. One that fails is reported, and the others are still read."""
    options = as_keywords(request_options(args))
    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    backend = _engine(args) if args.server is None else _client(args)
    if len(args.images) == 1 and not args.json and not args.retry:
        return read_one(backend, args.images[0], options)
    return read_all(backend, args.images, options, as_json=args.json)


def _engine(args: argparse.Namespace) -> Backend:
    from ppocrvl.engine.engine import Engine

    engine = Engine(
        args.model,
        max_image_pixels=args.max_image_pixels,
        n_parallel=_parallel(args),
        **engine_options(args),
    )
    if engine.paths.built_in:
        note(BUILT_IN_NOTE)
    return engine


def _client(args: argparse.Namespace) -> Backend:
    if args.model is not None or args.mmproj is not None:
        raise OptionError("--server has a model of its own; leave --model and --mmproj out")
    return make_client(args, args.server, _parallel(args))


def _parallel(args: argparse.Namespace) -> int:
    if args.parallel is not None:
        return int(args.parallel)
    return min(USUAL_PARALLEL, len(args.images))
