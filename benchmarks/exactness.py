# SPDX-License-Identifier: Apache-2.0
"""What exactness is worth: the built-in model's text by the reference, by us, and by stock mtmd.

    python benchmarks/exactness.py --work /tmp/exactness [--lines 500 --blocks 50 --tables 50]

Draws pictures in the fonts that the built-in model was trained on (scripts/tiny; needs them and the
[reference] and [train] extras), reads each with transformers in f32, with our engine, and with
`ppocrvl-stock-stages`, and prints how many texts are the reference's and the error rates of all.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import ppocrvl
from ppocrvl.errors import EngineError
from ppocrvl.parity import stock
from ppocrvl.parity.reference import Reference
from ppocrvl.parity.run import Case, our_stages, reference_stages, stock_stages
from tiny import fonts, render
from tiny.data import page, size_of
from tiny.score import cer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ppocrvl.engine.stages import Stages

CHECKPOINT = ROOT / "models" / "tiny-en"
SEED = 41_000_000  # far from training's and the evaluation's
MAX_TOKENS = 600
TASKS = {"line": "ocr", "block": "ocr", "table": "table"}


class Answer(NamedTuple):
    """Of one picture; `token_ids` is None where there is none."""

    token_ids: tuple[int, ...] | None
    text: str


def draw(kind: str, count: int) -> list[tuple[Case, str]]:
    """Pictures of a kind and their true texts."""
    rng, noise = random.Random(f"{SEED} {kind}"), np.random.default_rng(SEED)
    source = render.Source(fonts.train_fonts(), rng)
    made = []
    for number in range(count):
        size = size_of(rng, kind)
        drawn = page(source, kind, size)
        picture = render.photograph(rng, noise, drawn)
        truth = "".join(unit.text for unit in drawn.units[:-1])
        made.append((Case(f"{kind} {number}", picture, TASKS[kind], MAX_TOKENS, None), truth))
    return made


def read_all(
    name: str, read: Callable[[Case], Stages], pictures: list[tuple[Case, str]]
) -> list[Answer]:
    """The answer to each picture; one that fails is reported, and counts as an empty answer."""
    answers = []
    for case, _ in pictures:
        try:
            stages = read(case)
            answers.append(Answer(stages.token_ids, stages.text))
        except EngineError as error:
            print(f"{name}: no answer to {case.name}: {error}", file=sys.stderr, flush=True)
            answers.append(Answer(None, ""))
    return answers


def main() -> None:
    """Draw, read with each system, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the exported files")
    parser.add_argument("--stock-program", type=Path, help="ppocrvl-stock-stages")
    for kind, count in (("line", 500), ("block", 50), ("table", 50)):
        parser.add_argument(f"--{kind}s", type=int, default=count, metavar="N")
    args = parser.parse_args()
    program = stock.find_program(args.stock_program)
    for kind in ("f32", "bf16"):
        ppocrvl.export(CHECKPOINT, args.work / kind, llm_type=kind, mmproj_type=kind)
    counts = {"line": args.lines, "block": args.blocks, "table": args.tables}
    drawn = {kind: draw(kind, count) for kind, count in counts.items() if count}
    torch.set_num_threads(1)  # for so small a model, threads wait more than they compute
    reference = Reference(CHECKPOINT)
    with (
        ppocrvl.Engine(args.work / "f32") as f32,
        ppocrvl.Engine(args.work / "bf16") as bf16,
        stock.Stock(program, f32.paths) as stock_f32,
        stock.Stock(program, bf16.paths) as stock_bf16,
    ):
        systems: dict[str, Callable[[Case], Stages]] = {
            "transformers, f32": lambda case: reference_stages(reference, f32, case),
            "ppocrvl, f32 files": lambda case: our_stages(f32, case),
            "ppocrvl, bf16 files": lambda case: our_stages(bf16, case),
            "stock mtmd, f32 files": lambda case: stock_stages(stock_f32, f32, case),
            "stock mtmd, bf16 files": lambda case: stock_stages(stock_bf16, bf16, case),
        }
        shares = compare(systems, drawn)
    if shares["ppocrvl, f32 files"] < 1 or shares["ppocrvl, bf16 files"] < 0.99:
        sys.exit("exactness: f32 files must give every text, bf16 files 99 of 100")


def compare(
    systems: Mapping[str, Callable[[Case], Stages]],
    drawn: Mapping[str, list[tuple[Case, str]]],
) -> dict[str, float]:
    """Print the table; the share of each system's answers that are the first one's."""
    first: dict[str, list[Answer]] = {}
    shares = {}
    print("| | the reference's text | " + " | ".join(f"{k} errors" for k in drawn) + " |")
    print("|---" * (2 + len(drawn)) + "|", flush=True)
    for name, read in systems.items():
        started, same, total, rates = time.monotonic(), 0, 0, []
        for kind, pictures in drawn.items():
            answers = read_all(name, read, pictures)
            expected = first.setdefault(kind, answers)
            same += sum(
                a.token_ids is not None and a == b for a, b in zip(answers, expected, strict=True)
            )
            total += len(answers)
            errors = cer([answer.text for answer in answers], [truth for _, truth in pictures])
            rates.append(f"{100 * errors:.2f} %")
        print(f"| {name} | {same} of {total} | {' | '.join(rates)} |", flush=True)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        shares[name] = same / total
    return shares


if __name__ == "__main__":
    main()
