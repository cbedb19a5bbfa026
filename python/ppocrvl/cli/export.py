# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl export`: a checkpoint to its GGUF files: two, or one of a layout model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.cli.messages import exit_code
from ppocrvl.cli.usage import Parser
from ppocrvl.cli.writing import ProgressLine, cleanup_on_termination
from ppocrvl.errors import ExitCode, OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

NAME = "export"
HELP = "convert a safetensors checkpoint to GGUF files"

FILE_TYPES = ("f32", "f16", "bf16", "q8_0")
VERSIONS = ("1.0", "1.5", "1.6")
_DEFAULT_TYPE = "bf16"
_LAYOUT_FLAGS = ("layout_type",)
_OTHER_FLAGS = (
    "llm_type",
    "mmproj_type",
    "model_version",
    "min_pixels",
    "max_pixels",
    "modelfile",
)


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
        "are replaced; of a layout model, only the first one is written",
    )
    # None is the default's place, to tell a flag that was given from one that was not.
    add_type_argument(parser, "--llm-type", default=None)
    add_type_argument(parser, "--mmproj-type", default=None)
    parser.add_argument(
        "--layout-type",
        choices=FILE_TYPES,
        type=str.lower,
        help="for a layout model's checkpoint (PP-DocLayoutV3 or V2); default: f32",
    )
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


def add_type_argument(
    parser: argparse.ArgumentParser, flag: str, *, default: str | None = _DEFAULT_TYPE
) -> None:
    """The number format of one file."""
    parser.add_argument(
        flag,
        choices=FILE_TYPES,
        default=default,
        type=str.lower,
        help=f"default: {_DEFAULT_TYPE}",
    )


def add_shared_arguments(parser: argparse.ArgumentParser, *, pixels: bool = True) -> None:
    """What is recorded in either file, and the pixel limits of the mmproj file."""
    parser.add_argument("--name", help="name of the model; default: that of the checkpoint folder")
    parser.add_argument(
        "--model-version",
        choices=VERSIONS,
        help="member of the model family; default: by hash, chat template and pixel limits",
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
    from ppocrvl.exporter import export, export_layout, is_layout_checkpoint

    is_layout = is_layout_checkpoint(args.checkpoint)
    _refuse(args, _OTHER_FLAGS if is_layout else _LAYOUT_FLAGS, is_layout=is_layout)
    with cleanup_on_termination():
        if is_layout:
            path = export_layout(
                args.checkpoint,
                args.output,
                layout_type=args.layout_type or "f32",
                name=args.name,
                revision=args.revision,
                progress=ProgressLine(),
            )
            sys.stdout.write(f"{path}\n")
            return 0
        result = export(
            args.checkpoint,
            args.output,
            llm_type=args.llm_type or _DEFAULT_TYPE,
            mmproj_type=args.mmproj_type or _DEFAULT_TYPE,
            modelfile=args.modelfile,
            progress=ProgressLine(),
            **shared_options(args),
        )
    paths = [result.llm, result.mmproj, *([result.modelfile] if result.modelfile else [])]
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return 0


def _refuse(args: argparse.Namespace, names: tuple[str, ...], *, is_layout: bool) -> None:
    """A flag that cannot apply is an error.

    Raises:
        OptionError: One of these was given.
    """
    given = [name for name in names if getattr(args, name)]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        kind = "a layout model" if is_layout else "no layout model"
        raise OptionError(f"{flags} cannot apply: {args.checkpoint} holds {kind}")


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
