# SPDX-License-Identifier: Apache-2.0
"""Draw the set of pictures that the built-in model is measured on, as `ppocrvl eval` reads it.

    python scripts/make_eval_set.py eval-set --lines 500 --blocks 100 --tables 100

The same seed, fonts and Pillow give the same files. Needs the fonts of scripts/tiny/packages.txt.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tiny import fonts, render
from tiny.data import page, size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 77_000_000  # training, eval_tiny.py and benchmarks/exactness.py have others
TASKS = {"line": "ocr", "block": "ocr", "table": "table"}


def draw(
    kind: str, count: int, paths: Sequence[Path], folder: Path, seed: int
) -> list[dict[str, object]]:
    """Write ``count`` pictures of a kind into ``folder``; their rows of the index."""
    rng = random.Random(f"{seed} {kind}")
    noise = np.random.default_rng(seed + len(kind))
    source = render.Source(tuple(paths), rng)
    rows: list[dict[str, object]] = []
    for number in range(count):
        size = size_of(rng, kind)
        drawn = page(source, kind, size)
        name = f"{kind}-{number:04}.png"
        render.photograph(rng, noise, drawn).save(folder / name)
        text = "".join(unit.text for unit in drawn.units[:-1])
        tags = {
            "kind": kind,
            "font": Path(drawn.font).stem,
            "size": f"{drawn.size // 4 * 4}-{drawn.size // 4 * 4 + 3}",
        }
        rows.append({"image": name, "text": text, "task": TASKS[kind], "tags": tags})
    return rows


def main() -> None:
    """Draw the pictures, then write the index."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--held-out", action="store_true", help="in fonts that training never saw")
    parser.add_argument("--seed", type=int, default=SEED, help="another draws other pictures")
    for kind, count in (("line", 500), ("block", 100), ("table", 100)):
        parser.add_argument(f"--{kind}s", type=int, default=count, metavar="N")
    args = parser.parse_args()
    paths = fonts.held_out_fonts() if args.held_out else fonts.train_fonts()
    if not paths:
        sys.exit("make_eval_set: the fonts are missing: install scripts/tiny/packages.txt")
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"line": args.lines, "block": args.blocks, "table": args.tables}
    rows = [
        row for kind, count in counts.items() for row in draw(kind, count, paths, folder, args.seed)
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    temporary = folder / "dataset.jsonl.part"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / "dataset.jsonl")


if __name__ == "__main__":
    main()
