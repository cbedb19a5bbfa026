# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl inspect`: what a model is made of."""

from __future__ import annotations

import argparse
import json
import sys

from ppocrvl.errors import ExitCode

NAME = "inspect"
HELP = "show a model's components, what quantizing it would save, and the memory a run needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help="a checkpoint folder, a GGUF file, or a folder with the GGUF files of a model",
    )
    parser.add_argument(
        "--image-size",
        type=_image_size,
        default="1240x1754",
        metavar="WxH",
        help="the image to estimate the memory for, in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=4096,
        metavar="N",
        help="limit of its answer (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; all sizes in bytes")


def run(args: argparse.Namespace) -> int:
    """Read the headers, and print."""
    from ppocrvl.inspection import inspect_model
    from ppocrvl.inspection.text import render

    inspection = inspect_model(args.path, image_size=args.image_size, max_tokens=args.max_tokens)
    if args.json:
        sys.stdout.write(json.dumps(inspection.to_dict(), ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(render(inspection))
    return ExitCode.OK


def _image_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, as 1240x1754") from None
