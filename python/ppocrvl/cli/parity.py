# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity`: is what we compute what the model's own implementation computes?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note
from ppocrvl.errors import ExitCode, OptionError, OutputError
from ppocrvl.tasks import TASKS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ppocrvl.engine import Engine
    from ppocrvl.parity.run import Case, CaseReport
    from ppocrvl.stages import Stages

NAME = "parity"
HELP = "compare with the model's own implementation (torch), stage by stage"

PIXEL_LIMITS = ("--min-pixels", "--max-pixels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "reference",
        type=Path,
        metavar="CHECKPOINT",
        help="the checkpoint's folder (needs torch and transformers), or one that "
        "--save-reference wrote",
    )
    parser.add_argument("model", metavar="MODEL", help="folder with both GGUF files made from it")
    parser.add_argument(
        "--image",
        dest="images",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="picture to compare on, as often as wanted (default: seven made ones, to 2480x3508)",
    )
    parser.add_argument("--task", default="ocr", choices=sorted(TASKS), help="default: %(default)s")
    parser.add_argument(
        "--max-tokens", type=int, default=64, metavar="N", help="of each answer (default: 64)"
    )
    for flag in PIXEL_LIMITS:
        parser.add_argument(flag, type=int, metavar="N", help="for both sides; give both or none")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "exact", "fast"),
        help="number formats of our vision encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--against", choices=("stock",), help="compare upstream's unmodified mtmd as well"
    )
    parser.add_argument(
        "--stock-program", type=Path, metavar="PATH", help="ppocrvl-stock-stages (default: built)"
    )
    parser.add_argument(
        "--reference-bf16",
        action="store_true",
        help="run the reference in bf16 too: its own error is then the measure for ours",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report")
    parser.add_argument(
        "--save-reference", type=Path, metavar="DIR", help="keep the reference's stages in DIR"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per picture and line")


def run(args: argparse.Namespace) -> int:
    """Compare picture by picture; exit code PARITY if a stage is out of its bound."""
    from ppocrvl.engine import Engine
    from ppocrvl.parity import report, store
    from ppocrvl.parity.run import check_cases, file_types

    engine = Engine(args.model, precision=args.precision)
    made_with, chosen, references, half = _reference_side(args, engine)
    stock = _stock_side(args, engine)
    kept: list[tuple[store.Entry, Stages]] = []
    reports: list[CaseReport] = []
    for one in check_cases(engine, chosen, references, upstream=stock, half=half):
        reports.append(one)
        lines = [json.dumps(report.to_json(one))] if args.json else report.text_lines(one)
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        if args.save_reference:
            from ppocrvl.parity.run import entry_of

            kept.append((entry_of(one.case), one.reference))
    if args.save_reference:
        store.save(args.save_reference, made_with, kept)
    if args.report:
        types = "{} language model, {} vision encoder".format(*file_types(engine))
        facts = [
            ("reference", f"{args.reference} ({made_with})"),
            ("model", f"{args.model} ({types}, precision {args.precision})"),
            ("passed", f"{sum(one.passed for one in reports)} of {len(reports)} pictures"),
        ]
        _write(args.report, report.to_html("ppocrvl parity", facts, reports))
    failed = [one.case.name for one in reports if not one.passed]
    if failed:
        note(f"{len(failed)} of {len(reports)} pictures differ: {', '.join(failed)}")
        return ExitCode.PARITY
    return ExitCode.OK


def _reference_side(
    args: argparse.Namespace, engine: Engine
) -> tuple[str, list[Case], Callable[[Case], Stages], Callable[[Case], Stages] | None]:
    """What it is, the cases, and how to get the reference's stages, in f32 and perhaps in bf16."""
    from ppocrvl.parity import store
    from ppocrvl.parity.reference import Reference
    from ppocrvl.parity.run import cases, reference_stages, stored_cases

    limits = (args.min_pixels, args.max_pixels)
    if (limits[0] is None) != (limits[1] is None):
        raise OptionError(f"give both of {' and '.join(PIXEL_LIMITS)}, or none")
    if store.is_stored(args.reference):
        if args.reference_bf16 or args.save_reference:
            raise OptionError(f"{args.reference} is a stored reference; that needs the checkpoint")
        made_with, requests = store.load(args.reference)
        stored = stored_cases(requests, args.images)
        by_case = {id(case): stages for case, stages in stored}
        return made_with, [case for case, _ in stored], lambda case: by_case[id(case)], None
    chosen = cases(
        args.images,
        task=args.task,
        max_tokens=args.max_tokens,
        pixel_limits=None if limits[0] is None else limits,
    )
    reference = Reference(args.reference)
    half = None
    if args.reference_bf16:
        bf16 = Reference(args.reference, "bfloat16")

        def half(case: Case) -> Stages:
            return reference_stages(bf16, case, engine)

    return reference.version, chosen, lambda case: reference_stages(reference, case, engine), half


def _stock_side(args: argparse.Namespace, engine: Engine) -> Callable[[Case], Stages] | None:
    from ppocrvl.parity import stock
    from ppocrvl.parity.run import stock_stages

    if args.against is None:
        return None
    program = stock.find_program(args.stock_program)
    return lambda case: stock_stages(program, engine, case)


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
