# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr`: pictures to text."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note, report
from ppocrvl.errors import ExitCode, OptionError, PpocrvlError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.tasks import TASKS

if TYPE_CHECKING:
    import argparse

    from ppocrvl.engine import Engine
    from ppocrvl.images.load import ImageSource
    from ppocrvl.results import Result

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
    parser.add_argument(
        "--task", default="ocr", choices=sorted(TASKS), help="what to read (default: %(default)s)"
    )
    parser.add_argument("--prompt", help="text in place of the task's own prompt")
    parser.add_argument(
        "--model",
        help="folder with both GGUF files, or the LLM file "
        "(default: $PPOCRVL_MODEL, else the built-in model)",
    )
    parser.add_argument("--mmproj", help="the mmproj file, if it is not beside the LLM file")
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=4096,
        metavar="N",
        help="end after N tokens (default: %(default)s)",
    )
    parser.add_argument(
        "--min-pixels",
        type=int,
        metavar="N",
        help="enlarge smaller pictures to N pixels (default: the model's)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="reduce larger pictures to N pixels (default: the model's)",
    )
    parser.add_argument(
        "--max-image-pixels",
        type=int,
        default=MAX_IMAGE_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="CPU threads (default: one per core, fewer for a small model)",
    )
    parser.add_argument(
        "--gpu-layers",
        type=int,
        default=-1,
        metavar="N",
        help="layers on the GPU; 0 for none (default: all)",
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "exact", "fast"),
        help="number formats of the vision encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-location-tokens",
        action="store_true",
        default=None,
        help="keep <|LOC_n|> in the text",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per picture and line")


def run(args: argparse.Namespace) -> int:
    """Read the pictures in order. One that fails is reported, and the others are still read."""
    from ppocrvl.engine import Engine

    # Never closed: the process ends right after, and closing would wait for a step that still runs.
    engine = Engine(
        args.model,
        mmproj=args.mmproj,
        n_threads=args.threads,
        gpu_layers=args.gpu_layers,
        precision=args.precision,
        max_image_pixels=args.max_image_pixels,
    )
    if engine.paths.built_in:
        note(BUILT_IN_NOTE)
    first_failure: int = ExitCode.OK
    for name in args.images:
        try:
            _read(engine, name, args)
        except OptionError:
            raise  # it would fail for every picture
        except PpocrvlError as error:
            code = report(error)
            first_failure = first_failure or code
            if args.json:
                _print_json({"image": name, "error": type(error).__name__, "message": str(error)})
    return first_failure


def _read(engine: Engine, name: str, args: argparse.Namespace) -> None:
    source: ImageSource = sys.stdin.buffer if name == "-" else name
    with engine.stream(
        source,
        task=args.task,
        prompt=args.prompt,
        max_tokens=args.max_tokens,
        min_pixels=args.min_pixels,
        max_pixels=args.max_pixels,
        keep_location_tokens=args.keep_location_tokens,
    ) as stream:
        if args.json:
            _print_json({"image": name, **stream.wait().to_dict()})
            return
        for piece in stream:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        sys.stdout.flush()
        _warn_of_the_end(name, stream.result)


def _warn_of_the_end(name: str, result: Result) -> None:
    if result.finish_reason == "length":
        note(f"{name}: cut off after {result.timings.generated_tokens} tokens (--max-tokens)")


def _print_json(values: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()
