# SPDX-License-Identifier: Apache-2.0
"""What the confidence of a line is worth: its calibration curve.

    python scripts/make_eval_set.py eval-set --lines 2000 --blocks 400 --tables 0
    python benchmarks/calibration.py eval-set [--model MODEL] [--plot docs/calibration.svg]

Reads the pictures of text, and looks for every line that was read among the true ones. Lines go
into bins of equal width by their confidence, and by that of their least certain token; a bin's
share of lines that are right, to the character, should be its mean confidence. The expected
calibration error is the mean distance of the two, weighted by the bins' lines (Guo et al. 2017, "On
Calibration of Modern Neural Networks").
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import ppocrvl
from ppocrvl.evaluation.dataset import read_dataset

N_BINS = 10
MAX_TOKENS = 400


@dataclass(frozen=True)
class Bin:
    """Lines of about equal confidence."""

    lines: int
    confidence: float  # mean
    right: float  # share


def lines_of(result: ppocrvl.Result, truth: str) -> list[tuple[ppocrvl.Line, bool]]:
    """The lines that were read, and whether each is a true one at its place."""
    read = result.lines
    matcher = SequenceMatcher(None, [line.text for line in read], truth.split("\n"), autojunk=False)
    right = {block.a + i for block in matcher.get_matching_blocks() for i in range(block.size)}
    return [(line, place in right) for place, line in enumerate(read)]


def bins(pairs: list[tuple[float, bool]]) -> list[Bin]:
    """Those that hold any lines, the least confident first."""
    found = []
    for number in range(N_BINS):
        inside = [pair for pair in pairs if min(int(pair[0] * N_BINS), N_BINS - 1) == number]
        if inside:
            count = len(inside)
            mean = sum(confidence for confidence, _ in inside) / count
            found.append(Bin(count, mean, sum(right for _, right in inside) / count))
    return found


def calibration_error(some: list[Bin]) -> float:
    """Expected calibration error, 0 to 1."""
    total = sum(one.lines for one in some)
    return sum(one.lines * abs(one.confidence - one.right) for one in some) / total


def plot(curves: dict[str, list[Bin]], path: Path) -> None:
    """The curves over the diagonal, and how many lines each bin has."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only the plot needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "ppocrvl"  # equal bins give equal bytes
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    for name, some in curves.items():
        error = calibration_error(some)
        axes.plot(
            [one.confidence for one in some],
            [one.right for one in some],
            marker="o",
            label=f"{name} (ECE {error:.3f})",
        )
        for one in some:
            axes.annotate(
                str(one.lines),
                (one.confidence, one.right),
                xytext=(4, -10),
                textcoords="offset points",
                fontsize=7,
            )
    axes.set(xlabel="confidence", ylabel="share of lines that are right", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read, print the bins, draw the curves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", type=Path, help="default: the built-in model")
    parser.add_argument("--plot", type=Path, help="SVG file")
    args = parser.parse_args()
    items = [item for item in read_dataset(args.dataset) if item.task == "ocr"]
    lines: list[tuple[ppocrvl.Line, bool]] = []
    with ppocrvl.Engine(args.model, n_parallel=4) as engine:
        outcomes = engine.ocr_many([item.image for item in items], max_tokens=MAX_TOKENS)
        for item, outcome in zip(items, outcomes, strict=True):
            if not isinstance(outcome, ppocrvl.Result):
                raise outcome
            lines += lines_of(outcome, item.text)
    right = sum(good for _, good in lines)
    print(f"{len(items)} pictures, {len(lines)} lines, {right / len(lines):.2%} of them right\n")
    curves = {
        "mean of the tokens": bins([(line.confidence, good) for line, good in lines]),
        "least certain token": bins([(line.min_confidence, good) for line, good in lines]),
    }
    for name, some in curves.items():
        print(f"{name}: expected calibration error {calibration_error(some):.3f}\n")
        print("| lines | confidence | right |\n|---|---|---|")
        for one in some:
            print(f"| {one.lines} | {one.confidence:.3f} | {one.right:.1%} |")
        print()
    if args.plot:
        plot(curves, args.plot)


if __name__ == "__main__":
    main()
