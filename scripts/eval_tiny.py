# SPDX-License-Identifier: Apache-2.0
"""Measure a checkpoint of the built-in reader on fresh pictures of faces, texts and styles that
training never saw.

    PAGES_ROOT=ROOT TINY_CORPUS=CORPUS python scripts/eval_tiny.py models/tiny-en \\
        --json docs/tiny-eval.json

Pictures are drawn at arbitrary sizes and stretched as the checkpoint's processor does; reading is
greedy, in float32, with the bf16 weights of the checkpoint. What the checkpoint cannot write counts
as the closest ASCII. ``--parts`` chooses from rows (lines as ``ppocrvl parse`` cuts them out of
paragraphs), lines, paragraphs, tables, formulas, unguessable, pages (lines and strips of painted
pages), html (the same of pages that WeasyPrint sets), unreadable, and plain (the sets of the
model's first version).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from tiny import checkpoint, curve, report
from tiny.exam import PARTS, Exam, read_all


def main() -> None:
    """Draw, read, print, and write the figures."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("checkpoint", type=Path)
    p.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    p.add_argument("--count", type=int, default=200, help="pictures of a set")
    p.add_argument("--json", type=Path, help="write the figures here")
    p.add_argument(
        "--llama-graph", action="store_true", help="compute as llama.cpp's own graph does"
    )
    p.add_argument("--errors", type=int, default=0, help="print this many misread pictures per set")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument(
        "--curve", nargs=2, type=Path, metavar=("LOG", "PNG"), help="draw a training log"
    )
    args = p.parse_args()
    if args.curve:
        curve.draw(*args.curve)
    torch.set_num_threads(args.threads)
    reader = checkpoint.load(args.checkpoint)
    limits = json.loads((args.checkpoint / "preprocessor_config.json").read_text(encoding="utf-8"))
    exam = Exam(args.count)
    figures = {}
    for part in args.parts:
        for name, cases in exam.sets(part):
            if not reader.vocabulary.knows(cases[0].prompt):
                continue  # an older model
            read_all(
                reader,
                cases,
                (limits["min_pixels"], limits["max_pixels"]),
                llama_graph=args.llama_graph,
            )
            figures[name] = report.summary(cases)
            for case in sorted(cases, key=lambda c: -c.errors)[: args.errors]:
                print(f"{name}: {case.font} {case.size}")
                print(f"  true {case.truth!r}\n  read {case.read!r}")
            print(report.row(name, figures[name]), flush=True)
    print(report.markdown(figures))
    if args.json:
        temporary = args.json.with_suffix(".part")
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        temporary.replace(args.json)


if __name__ == "__main__":
    main()
