# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl quantize`: an exported pair of files to a quantized pair."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.writing import ProgressLine, cleanup_on_termination
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.quantizer import QuantizedFile

NAME = "quantize"
HELP = "write a model's two GGUF files with fewer bits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="folder with an LLM and an mmproj file, or the LLM file"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for <name>-<TYPE>.gguf and mmproj-<name>-<TYPE>.gguf; files of these names "
        "are replaced",
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="small, balanced or quality: a mixture for both files; default: balanced",
    )
    parser.add_argument(
        "--llm-type",
        metavar="TYPE",
        help="instead of a preset: Q8_0, Q6_K, Q4_K_M, ...; Q4_K_M where only "
        "--mmproj-type is given",
    )
    parser.add_argument(
        "--mmproj-type",
        metavar="TYPE",
        help="instead of a preset: Q8_0, Q6_K, Q4_0, ...; Q8_0 where only --llm-type is given",
    )
    parser.add_argument(
        "--imatrix",
        type=Path,
        metavar="FILE",
        help="importance matrix of this model, as `ppocrvl imatrix` writes it",
    )
    parser.add_argument(
        "--keep",
        type=_pattern_and_type,
        action="append",
        default=[],
        metavar="PATTERN=TYPE",
        help="another type for the tensors of these names, as 'v.blk.0.*=BF16'; repeatable, the "
        "last one that matches counts",
    )
    parser.add_argument(
        "--allow-requantize", action="store_true", help="take files that are quantized already"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all cores")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON too")


def run(args: argparse.Namespace) -> int:
    """Quantize, and print what became of each tensor."""
    from ppocrvl.quantizer import quantize
    from ppocrvl.support.output import require_folder, write_text

    if args.report is not None:
        require_folder(args.report)

    with cleanup_on_termination():
        result = quantize(
            args.model,
            args.output,
            preset=args.preset,
            llm_type=args.llm_type,
            mmproj_type=args.mmproj_type,
            imatrix=args.imatrix,
            keep=_in_order(args.keep),
            allow_requantize=args.allow_requantize,
            n_threads=args.threads,
            progress=ProgressLine(),
        )
    if args.report is not None:
        write_text(args.report, json.dumps(result.to_dict(), indent=1) + "\n")
    for file in (result.llm, result.mmproj):
        sys.stdout.write("".join(f"{line}\n" for line in _lines(file)))
    return ExitCode.OK


def _lines(file: QuantizedFile) -> Iterator[str]:
    yield f"{file.path}: {file.n_bytes:,} bytes, {file.n_bytes / file.source_bytes:.1%} of before"
    is_weighted = any(tensor.weighted_error is not None for tensor in file.tensors)
    yield (
        f"  {'tensor':28}{'shape':>18}{'was':>7}{'is':>8}{'bytes':>14}{'error':>11}"
        + (f"{'weighted':>11}" if is_weighted else "")
    )
    for tensor in file.tensors:
        shape = " x ".join(str(n) for n in tensor.shape)
        note = f"  {tensor.wanted} does not fit" if tensor.wanted != tensor.type else ""
        weighted = "" if tensor.weighted_error is None else f"{tensor.weighted_error:.2e}"
        yield (
            f"  {tensor.name:28}{shape:>18}{tensor.source_type:>7}{tensor.type:>8}"
            f"{tensor.n_bytes:>14,}{tensor.relative_error:>11.2e}"
            + (f"{weighted:>11}" if is_weighted else "")
            + note
        )
    total = sum(tensor.n_bytes for tensor in file.tensors)
    yield f"  {len(file.tensors)} tensors{'':52}{total:>14,}"


def _pattern_and_type(text: str) -> tuple[str, str]:
    pattern, equals, kind = text.rpartition("=")
    if not (pattern and equals and kind):
        raise argparse.ArgumentTypeError(f"{text!r} is not PATTERN=TYPE, as 'v.blk.0.*=BF16'")
    return pattern, kind


def _in_order(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """As a dictionary in which a pattern that is repeated stands where it came last."""
    found: dict[str, str] = {}
    for pattern, kind in pairs:
        found.pop(pattern, None)
        found[pattern] = kind
    return found
