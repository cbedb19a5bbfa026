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
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import ppocrvl
from ppocrvl.parity import stock
from ppocrvl.parity.reference import Reference
from ppocrvl.parity.run import Case, our_stages, reference_stages, stock_stages
from tiny import fonts, render
from tiny.data import page, size_of
from tiny.score import cer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.stages import Stages

CHECKPOINT = ROOT / "models" / "tiny-en"
SEED = 41_000_000  # far from training's and the evaluation's
MAX_TOKENS = 600
TASKS = {"line": "ocr", "block": "ocr", "table": "table"}


def draw(kind: str, count: int) -> list[tuple[Case, str]]:
    """Pictures of a kind and their true texts."""
    rng, noise = random.Random(f"{SEED} {kind}"), np.random.default_rng(SEED)
    source = render.Source(fonts.train_fonts(), rng)
    made = []
    for number in range(count):
        size = size_of(rng, kind, 1.0)
        drawn = page(source, kind, render.Frame(*size, size))
        picture = render.photograph(rng, noise, drawn)
        truth = "".join(unit.token for unit in drawn.units[:-1])
        made.append((Case(f"{kind} {number}", picture, TASKS[kind], MAX_TOKENS, None), truth))
    return made


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
    engines = {}
    for kind in ("f32", "bf16"):
        ppocrvl.export(CHECKPOINT, args.work / kind, llm_type=kind, mmproj_type=kind)
        engines[kind] = ppocrvl.Engine(args.work / kind)
    reference = Reference(CHECKPOINT)
    f32, bf16 = engines["f32"], engines["bf16"]
    systems: dict[str, Callable[[Case], Stages]] = {
        "transformers, f32": lambda case: reference_stages(reference, f32, case),
        "ppocrvl, f32 files": lambda case: our_stages(f32, case),
        "ppocrvl, bf16 files": lambda case: our_stages(bf16, case),
        "stock mtmd, f32 files": lambda case: stock_stages(program, f32, case),
        "stock mtmd, bf16 files": lambda case: stock_stages(program, bf16, case),
    }
    counts = {"line": args.lines, "block": args.blocks, "table": args.tables}
    drawn = {kind: draw(kind, count) for kind, count in counts.items() if count}
    truths = {kind: [truth for _, truth in some] for kind, some in drawn.items()}
    first: dict[str, list[tuple[int, ...]]] = {}
    shares = {}
    print("| | the reference's text | " + " | ".join(f"{k} errors" for k in drawn) + " |")
    print("|---" * (2 + len(drawn)) + "|")
    for name, read in systems.items():
        same, total, rates = 0, 0, []
        for kind, some in drawn.items():
            answers = [(one.token_ids, one.text) for one in (read(case) for case, _ in some)]
            ids = [tokens for tokens, _ in answers]
            expected = first.setdefault(kind, ids)
            same += sum(a == b for a, b in zip(ids, expected, strict=True))
            total += len(ids)
            rates.append(f"{100 * cer([text for _, text in answers], truths[kind]):.2f} %")
        print(f"| {name} | {same} of {total} | {' | '.join(rates)} |", flush=True)
        shares[name] = same / total
    if shares["ppocrvl, f32 files"] < 1 or shares["ppocrvl, bf16 files"] < 0.99:
        sys.exit("exactness: f32 files must give every text, bf16 files 99 of 100")


if __name__ == "__main__":
    main()
