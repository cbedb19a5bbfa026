# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parity`: is what we compute what the model's own implementation computes?"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli import layout_parity
from ppocrvl.cli.layout_parity import DEFAULT_PAGES, DEFAULT_STAGE_PAGES
from ppocrvl.cli.messages import note
from ppocrvl.errors import ExitCode, OptionError, OutputError
from ppocrvl.requests.tasks import TASKS
from ppocrvl.support.output import write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ppocrvl.engine.engine import Engine
    from ppocrvl.engine.stages import Stages
    from ppocrvl.parity import store
    from ppocrvl.parity.run import Case, Expected

NAME = "parity"
HELP = "compare with the model's own implementation (torch), stage by stage"

DEFAULT_TASK = "ocr"
DEFAULT_MAX_TOKENS = 64
DEFAULT_PRECISION = "auto"
PRECISIONS = (DEFAULT_PRECISION, "exact", "fast")
LAYOUT_PRECISIONS = (DEFAULT_PRECISION, "f32", "bf16")
_LAYOUT_FLAGS = ("pages", "stage_pages")
_OTHER_FLAGS = (
    *("task", "max_tokens", "min_pixels", "max_pixels", "all_precisions"),
    *("against", "stock_program", "reference_bf16", "report", "save_reference"),
)
# What decides the stored requests, so it cannot be asked for again.
_FIXED_BY_A_STORE = ("task", "max_tokens", "min_pixels", "max_pixels", "save_reference")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit code 10: a stage is out of its bound. The bounds hold for f32 files, and wider ones "
        "for f16 and bf16; other types are measured only. See docs/parity.md."
    )
    parser.add_argument(
        "reference",
        type=Path,
        metavar="CHECKPOINT",
        help="the checkpoint's folder (needs torch and transformers), or one that "
        "--save-reference wrote",
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="folder with both GGUF files made from it; a layout model's file",
    )
    parser.add_argument(
        "--image",
        dest="images",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="image to compare on, as often as wanted (default: seven made ones, to 2480x3508); "
        "for a layout model a page, or a folder of pages",
    )
    parser.add_argument("--task", choices=sorted(TASKS), help=f"default: {DEFAULT_TASK}")
    parser.add_argument(
        "--max-tokens",
        type=int,
        metavar="N",
        help=f"of each answer (default: {DEFAULT_MAX_TOKENS})",
    )
    for flag in ("--min-pixels", "--max-pixels"):
        parser.add_argument(
            flag, type=int, metavar="N", help="for reference and ours, not stock; both or none"
        )
    parser.add_argument(
        "--precision",
        action="append",
        choices=tuple(dict.fromkeys(PRECISIONS + LAYOUT_PRECISIONS)),
        help="number formats of our vision encoder (auto, exact, fast) or of a layout model (auto, "
        f"f32, bf16; as often as wanted); default: {DEFAULT_PRECISION}",
    )
    parser.add_argument(
        "--all-precisions",
        action="store_true",
        help="measure our vision encoder in the other precisions too",
    )
    parser.add_argument(
        "--against", choices=("stock",), help="compare upstream's unmodified mtmd as well"
    )
    parser.add_argument(
        "--stock-program",
        type=Path,
        metavar="PATH",
        help="ppocrvl-stock-stages for --against stock (default: from the PATH, or as built with "
        "PPOCRVL_BUILD_TOOLS)",
    )
    parser.add_argument(
        "--reference-bf16",
        action="store_true",
        help="run the reference in bf16 too: 1.5 times its error is then the bound for f16 and "
        "bf16 files; stored with --save-reference",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report")
    parser.add_argument(
        "--save-reference", type=Path, metavar="DIR", help="keep the reference's stages in DIR"
    )
    parser.add_argument(
        "--pages",
        type=int,
        metavar="N",
        help=f"of a layout model: pages whose regions are compared (default: {DEFAULT_PAGES})",
    )
    parser.add_argument(
        "--stage-pages",
        type=int,
        metavar="N",
        help="of a layout model: pages whose stages are compared, in float64 (default: "
        f"{DEFAULT_STAGE_PAGES})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per image and line")


def run(args: argparse.Namespace) -> int:
    """Compare image by image; exit code PARITY if a stage is out of its bound."""
    from ppocrvl.exporter import is_layout_checkpoint

    has_config = (args.reference / "config.json").is_file()
    is_layout = has_config and is_layout_checkpoint(args.reference)
    _refuse(args, _OTHER_FLAGS if is_layout else _LAYOUT_FLAGS, is_layout=is_layout)
    args.precision = _precisions(args, LAYOUT_PRECISIONS if is_layout else PRECISIONS)
    if is_layout:
        return layout_parity.run(args)
    if len(args.precision) > 1:
        raise OptionError("--precision is given more than once; --all-precisions measures all")
    (args.precision,) = args.precision
    _check_options(args)
    with contextlib.ExitStack() as until_done:
        return _run(args, until_done)


def _run(args: argparse.Namespace, until_done: contextlib.ExitStack) -> int:
    from ppocrvl.engine.engine import Engine
    from ppocrvl.parity import report, store
    from ppocrvl.parity.run import REFERENCE_BF16, check_case, entry_of, file_types

    engine = until_done.enter_context(Engine(args.model, precision=args.precision))
    upstream = _upstream(args, engine, until_done)
    made_with, pairs = _reference_side(args, engine)
    others = {
        f"ours, precision {name}": until_done.enter_context(Engine(args.model, precision=name))
        for name in PRECISIONS
        if args.all_precisions and name != args.precision
    }
    keeper = store.Writer(args.save_reference, made_with) if args.save_reference else None
    page = report.Page()
    failed = []
    for case, reference in pairs:
        one = check_case(engine, case, reference, upstream=upstream, others=others)
        lines = [json.dumps(report.to_json(one))] if args.json else report.text_lines(one)
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        if keeper:
            keeper.add(entry_of(case), one.reference, one.other_errors.get(REFERENCE_BF16))
        if args.report:
            page.add(one)
        if not one.passed:
            failed.append(case.name)
    if keeper:
        keeper.close()
    if args.report:
        types = "{} language model, {} vision encoder".format(*file_types(engine))
        facts = [
            ("reference", f"{args.reference} ({made_with})"),
            ("model", f"{args.model} ({types}, precision {args.precision})"),
            ("within the bounds", f"{len(pairs) - len(failed)} of {len(pairs)} images"),
        ]
        write_text(args.report, page.html("ppocrvl parity", facts))
    if failed:
        note(f"{len(failed)} of {len(pairs)} images differ: {', '.join(failed)}")
        return ExitCode.PARITY
    return ExitCode.OK


def _refuse(args: argparse.Namespace, names: tuple[str, ...], *, is_layout: bool) -> None:
    """A flag that cannot apply is an error.

    Raises:
        OptionError: one of these was given.
    """
    if given := [name for name in names if getattr(args, name) not in {None, False}]:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        kind = "a layout model" if is_layout else "no layout model"
        raise OptionError(f"{flags} cannot apply: {args.reference} is {kind}")


def _precisions(args: argparse.Namespace, known: tuple[str, ...]) -> list[str]:
    """Those that were asked for, each once.

    Raises:
        OptionError: one is for models of the other kind.
    """
    given = list(dict.fromkeys(args.precision or [DEFAULT_PRECISION]))
    for precision in given:
        if precision not in known:
            raise OptionError(
                f"--precision {precision} cannot apply to {args.reference}; "
                f"choose {', '.join(known)}"
            )
    return given


def _check_options(args: argparse.Namespace) -> None:
    """What would otherwise fail after the work is done."""
    from ppocrvl.parity import store

    if (args.min_pixels is None) != (args.max_pixels is None):
        raise OptionError("give both --min-pixels and --max-pixels, or none")
    if args.stock_program and not args.against:
        raise OptionError("--stock-program is for --against stock")
    if args.report and not args.report.absolute().parent.is_dir():
        raise OutputError(f"cannot write {args.report}: no such folder")
    if store.is_stored(args.reference):
        given = [name for name in _FIXED_BY_A_STORE if getattr(args, name) is not None]
        given += ["reference_bf16"] if args.reference_bf16 else []
        if given:
            flag = "--" + given[0].replace("_", "-")
            raise OptionError(
                f"{args.reference} is a stored reference; {flag} needs the checkpoint"
            )


def _reference_side(
    args: argparse.Namespace, engine: Engine
) -> tuple[str, list[tuple[Case, Callable[[Case], Expected]]]]:
    """What it is, and the cases with what gives the reference's side of each."""
    from ppocrvl.parity import store
    from ppocrvl.parity.reference import Reference
    from ppocrvl.parity.run import Expected, cases, expected_of, stored_case

    if store.is_stored(args.reference):
        made_with, requests = store.load(args.reference)

        def kept(one: store.Stored) -> Callable[[Case], Expected]:
            return lambda _: Expected(one.stages(), one.bf16_errors())

        stored = [(stored_case(one, args.images), kept(one)) for one in requests]
        if unknown := {path.name for path in args.images} - {case.name for case, _ in stored}:
            raise OptionError(f"the stored reference has no {min(unknown)}")
        return made_with, stored
    chosen = cases(
        args.images,
        task=args.task or DEFAULT_TASK,
        max_tokens=DEFAULT_MAX_TOKENS if args.max_tokens is None else args.max_tokens,
        pixel_limits=None if args.min_pixels is None else (args.min_pixels, args.max_pixels),
    )
    reference = Reference(args.reference)
    bf16 = Reference(args.reference, "bfloat16") if args.reference_bf16 else None

    def run(case: Case) -> Expected:
        return expected_of(reference, engine, case, bf16)

    return reference.version, [(case, run) for case in chosen]


def _upstream(
    args: argparse.Namespace, engine: Engine, until_done: contextlib.ExitStack
) -> Callable[[Case], Stages] | None:
    from ppocrvl.parity import stock
    from ppocrvl.parity.run import stock_stages

    if args.against is None:
        return None
    upstream = until_done.enter_context(
        stock.Stock(stock.find_program(args.stock_program), engine.paths)
    )
    return lambda case: stock_stages(upstream, engine, case)
