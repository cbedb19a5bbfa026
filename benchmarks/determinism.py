# SPDX-License-Identifier: Apache-2.0
"""How often texts depend on what is read beside them, and what it costs that they do not.

    python scripts/make_eval_set.py eval-set --lines 500 --blocks 100 --tables 100
    python benchmarks/determinism.py eval-set [--model MODEL] [--parallel 4 8] [--rounds 3]

With a large model, --every reads fewer pictures and --max-tokens less of each.
Reads the set one picture at a time and several at once, each with and without `deterministic`, and
compares the texts with those of one at a time. Rounds alternate; seconds are medians. Exit code 1
if a deterministic text differs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import ppocrvl
from eval_set import MAX_TOKENS, read_all
from ppocrvl.evaluation.dataset import Item, read_dataset

Way = tuple[int, bool]
"""How many at once, and whether deterministic."""


def read(
    model: Path | None, items: list[Item], way: Way, max_tokens: int
) -> tuple[list[str], float]:
    """The texts, and the seconds that reading took, loading not among them."""
    n_parallel, deterministic = way
    with ppocrvl.Engine(
        model, n_parallel=n_parallel, deterministic=deterministic, cache_bytes=0
    ) as engine:
        engine.ocr(items[0].image, max_tokens=1)
        start = time.perf_counter()
        texts = read_all(engine, items, max_tokens)
        return texts, time.perf_counter() - start


def main() -> None:
    """Read in all ways, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", type=Path, help="default: the built-in model")
    parser.add_argument("--parallel", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one picture of N")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS)
    args = parser.parse_args()
    if args.every < 1:
        parser.error("--every must be at least 1")
    items = read_dataset(args.dataset)[:: args.every]
    ways: list[Way] = [(n, exact) for n in (1, *args.parallel) for exact in (False, True)]
    texts: dict[Way, list[str]] = {}
    seconds: dict[Way, list[float]] = defaultdict(list)
    for _ in range(args.rounds):
        for way in ways:
            texts[way], time_taken = read(args.model, items, way, args.max_tokens)
            seconds[way].append(time_taken)
    print("| at once | deterministic | texts that differ from one at a time | seconds | ratio |")
    print("|---" * 5 + "|")
    worst = 0
    for n, exact in ways:
        differ = sum(a != b for a, b in zip(texts[n, exact], texts[1, exact], strict=True))
        worst = max(worst, differ if exact else 0)
        taken = statistics.median(seconds[n, exact])
        ratio = taken / statistics.median(seconds[n, False])
        print(
            f"| {n} | {'yes' if exact else 'no'} | {differ} of {len(items)} "
            f"({differ / len(items):.2%}) | {taken:.1f} | {ratio:.2f} |"
        )
    sys.exit(1 if worst else 0)


if __name__ == "__main__":
    main()
