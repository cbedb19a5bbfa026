# SPDX-License-Identifier: Apache-2.0
"""What the vision encoder's number formats do to texts.

    python scripts/make_eval_set.py eval-set --lines 500 --blocks 100 --tables 100
    python benchmarks/precision.py eval-set [--precisions auto fast] [--kernels NAME ...]

Reads the set with each precision, deterministically, so that no company changes a text. Texts are
compared with those of precision "exact", and with the truth. Kernels compute parts of the language
model too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import ppocrvl
from eval_set import read_all
from ppocrvl.evaluation.dataset import Item, read_dataset
from ppocrvl.evaluation.metrics import character_errors


def read(model: Path | None, items: list[Item], precision: str, kernels: str = "auto") -> list[str]:
    """The texts, in the order of the items."""
    with ppocrvl.Engine(
        model, precision=precision, kernels=kernels, n_parallel=8, deterministic=True
    ) as engine:
        return read_all(engine, items)


def main() -> None:
    """Read with every precision, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", type=Path, help="default: the built-in model")
    parser.add_argument("--precisions", nargs="+", default=["auto", "fast"])
    parser.add_argument("--kernels", nargs="+", default=[], help="beside the precisions")
    args = parser.parse_args()
    items = read_dataset(args.dataset)
    kinds: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        kinds[item.tags.get("kind", item.task)].append(place)
    exact = read(args.model, items, "exact")
    print("| precision, kernels | pictures | texts of `exact` | characters wrong |")
    print("|---" * 4 + "|")
    ways = [(name, name, "auto") for name in ("exact", *args.precisions)]
    for name, precision, kernels in (*ways, *((name, "auto", name) for name in args.kernels)):
        texts = exact if name == "exact" else read(args.model, items, precision, kernels)
        for kind, places in kinds.items():
            same = sum(texts[place] == exact[place] for place in places)
            errors = sum(character_errors(texts[place], items[place].text) for place in places)
            length = sum(len(items[place].text) for place in places)
            print(
                f"| {name} | {len(places)}, {kind} | {same} ({same / len(places):.1%}) "
                f"| {errors / length:.2%} |"
            )


if __name__ == "__main__":
    main()
