# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl export`: a checkpoint to the two GGUF files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.messages import exit_code
from ppocrvl.cli.usage import Parser
from ppocrvl.cli.writing import ProgressLine, cleanup_on_termination
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

NAME = "export"
HELP = "convert a safetensors checkpoint to the two GGUF files"

FILE_TYPES = ("f32", "f16", "bf16", "q8_0")
VERSIONS = ("1.0", "1.5", "1.6")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_checkpoint_argument(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for <name>-<TYPE>.gguf and mmproj-<name>-<TYPE>.gguf; files of these names "
        "are replaced",
    )
    add_type_argument(parser, "--llm-type")
    add_type_argument(parser, "--mmproj-type")
    add_shared_arguments(parser)
    parser.add_argument(
        "--modelfile",
        action="store_true",
        help="also write a Modelfile for Ollama; it has not been tried with Ollama",
    )


def add_checkpoint_argument(parser: argparse.ArgumentParser) -> None:
    """The folder to read."""
    parser.add_argument(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="folder with model.safetensors (or shards), config.json and the tokenizer",
    )


def add_type_argument(parser: argparse.ArgumentParser, flag: str) -> None:
    """The number format of one file."""
    parser.add_argument(
        flag, choices=FILE_TYPES, default="bf16", type=str.lower, help="default: bf16"
    )


def add_shared_arguments(parser: argparse.ArgumentParser, *, pixels: bool = True) -> None:
    """What is recorded in either file, and the pixel limits of the mmproj file."""
    parser.add_argument("--name", help="name of the model; default: that of the checkpoint folder")
    parser.add_argument(
        "--model-version",
        choices=VERSIONS,
        help="member of the model family; default: told from hash, chat template and pixel limits",
    )
    parser.add_argument("--revision", metavar="COMMIT", help="the checkpoint's commit, to record")
    if pixels:
        parser.add_argument(
            "--min-pixels",
            type=int,
            metavar="N",
            help="instead of the preprocessor configuration's",
        )
        parser.add_argument("--max-pixels", type=int, metavar="N", help="likewise")


def shared_options(args: argparse.Namespace) -> dict[str, Any]:
    """The values of `add_shared_arguments`, as the export functions take them."""
    names = ("name", "model_version", "revision", "min_pixels", "max_pixels")
    return {name: getattr(args, name) for name in names if name in args}


def run(args: argparse.Namespace) -> int:
    """Export, and print the paths."""
    from ppocrvl.exporter import export

    with cleanup_on_termination():
        result = export(
            args.checkpoint,
            args.output,
            llm_type=args.llm_type,
            mmproj_type=args.mmproj_type,
            modelfile=args.modelfile,
            progress=ProgressLine(),
            **shared_options(args),
        )
    paths = [result.llm, result.mmproj, *([result.modelfile] if result.modelfile else [])]
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return 0


def run_script(program: str, export_one: Callable[..., Path], *, pixels: bool) -> int:
    """All of scripts/export_llm.py and scripts/export_mmproj.py: one file is written, and named.

    Args:
        program: Its name in error messages.
        export_one: `export_llm` or `export_mmproj`.
        pixels: Whether it takes pixel limits.
    """
    parser = Parser(program, description="Write one part of a checkpoint as GGUF.")
    add_checkpoint_argument(parser)
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the file to write")
    add_type_argument(parser, "--type")
    add_shared_arguments(parser, pixels=pixels)
    args = parser.parse_args()
    options = shared_options(args)

    def run_one() -> int:
        with cleanup_on_termination():
            path = export_one(
                args.checkpoint,
                args.output,
                file_type=args.type,
                progress=ProgressLine(),
                **options,
            )
        sys.stdout.write(f"{path}\n")
        return ExitCode.OK

    return exit_code(run_one, program)
