# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr`: pictures to text."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.engine_flags import add_engine_flags, engine_options
from ppocrvl.cli.messages import note, report
from ppocrvl.cli.request_flags import add_request_flags, as_keywords, request_options
from ppocrvl.cli.writing import ProgressLine
from ppocrvl.errors import ExitCode, OptionError, PpocrvlError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS

if TYPE_CHECKING:
    import argparse

    from ppocrvl.engine import Engine
    from ppocrvl.images.load import ImageSource
    from ppocrvl.results import Result

NAME = "ocr"
HELP = "read pictures: text, tables, formulas"
USUAL_PARALLEL = 4

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
    from ppocrvl.engine import Engine

    options = as_keywords(request_options(args))
    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    engine = Engine(
        args.model,
        max_image_pixels=args.max_image_pixels,
        n_parallel=min(USUAL_PARALLEL, len(args.images))
        if args.parallel is None
        else args.parallel,
        **engine_options(args),
    )
    if engine.paths.built_in:
        note(BUILT_IN_NOTE)
    if len(args.images) == 1 and not args.json and not args.retry:
        return _stream(engine, args.images[0], options)
    return _read_all(engine, args, options)


def _stream(engine: Engine, name: str, options: dict[str, Any]) -> int:
    """Print one picture's text as it comes."""
    with engine.stream(_source(name), **options) as stream:
        for piece in stream:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        sys.stdout.flush()
        _warn_of_the_end(name, stream.result)
    return ExitCode.OK


def _read_all(engine: Engine, args: argparse.Namespace, options: dict[str, Any]) -> int:
    """Print each picture's answer in its turn."""
    first_failure: int = ExitCode.OK
    show = ProgressLine(unit="pictures", divisor=1)
    outcomes = engine.ocr_many((_source(name) for name in args.images), **options)
    for number, (name, outcome) in enumerate(zip(args.images, outcomes, strict=True), 1):
        if isinstance(outcome, OptionError):
            raise outcome  # it would fail for every picture
        if isinstance(outcome, PpocrvlError):
            code = report(outcome)
            first_failure = first_failure or code
            if args.json:
                message = {"error": type(outcome).__name__, "message": str(outcome)}
                _print_json({"image": name, **message})
        elif args.json:
            _print_json({"image": name, **outcome.to_dict()})
        else:
            sys.stdout.write(outcome.text + "\n")
            sys.stdout.flush()
            _warn_of_the_end(name, outcome)
        if len(args.images) > 1 and not sys.stdout.isatty():
            show("read", number, len(args.images))
    return first_failure


def _source(name: str) -> ImageSource:
    return sys.stdin.buffer if name == "-" else name


def _warn_of_the_end(name: str, result: Result) -> None:
    if result.finish_reason == "length":
        note(f"{name}: cut off after {result.timings.generated_tokens} tokens (--max-tokens)")
    elif result.finish_reason == "deadline":
        note(f"{name}: cut off after {result.timings.generated_tokens} tokens (--deadline)")
    elif result.finish_reason == "repetition":
        note(
            f"{name}: went round in a circle; {result.repeated_tokens} repeated tokens are left out"
        )


def _print_json(values: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()
