# SPDX-License-Identifier: Apache-2.0
"""Measure an exported tiny checkpoint on freshly drawn pictures that training never saw.

    python scripts/eval_tiny.py models/tiny-en --json docs/tiny-eval.json

The pictures are drawn at arbitrary sizes and stretched by smart_resize as the processor does;
reading is greedy, in float32, with the bf16 weights of the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from tiny import curve, decode, fonts, render, report
from tiny import model as network
from tiny.data import PROMPT, size_of
from tiny.data import page as draw_page
from tiny.render import Source
from tiny.score import cell_hits, distance

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20_250_000  # training streams are seeded far from here
BATCH = 16


@dataclass
class Case:
    """One picture, its truth, and what was read."""

    kind: str
    picture: Image.Image
    truth: str
    font: str
    size: int
    read: str = ""

    @property
    def errors(self) -> int:
        """Edit distance between truth and reading."""
        return distance(self.read, self.truth)


def cases(kind: str, paths: Sequence[Path], per_font: int, seed: int) -> list[Case]:
    """``per_font`` pictures of ``kind`` for each font; eight at a time are about equally large."""
    out = []
    rng, noise = random.Random(seed), np.random.default_rng(seed)
    rows, cols = 0, 0
    for i, path in enumerate([path for path in paths for _ in range(per_font)]):
        if i % 8 == 0:
            rows, cols = size_of(rng, kind, 1.0)
        src = Source((path,), rng)
        page = draw_page(src, kind, render.Frame(rows, cols, (rows, cols)))
        truth = "".join(u.token for u in page.units[:-1])
        picture = render.photograph(rng, noise, page)
        out.append(Case(kind, picture, truth, path.name, page.size))
    return out


def read_all(model: network.Network, todo: list[Case], *, llama_graph: bool) -> None:
    """Fill in ``read`` of every case, pictures of the same size together."""
    groups: dict[tuple[str, int, int], list[Case]] = defaultdict(list)
    for c in todo:
        groups[(c.kind, *render.smart_resize(c.picture.height, c.picture.width))].append(c)
    for (kind, h, w), members in sorted(groups.items(), key=lambda g: g[0]):
        for at in range(0, len(members), BATCH):
            some = members[at : at + BATCH]
            stack = [
                np.asarray(c.picture.resize((w, h), Image.Resampling.BICUBIC), np.float32)
                for c in some
            ]
            pixels = (
                torch.from_numpy(np.stack(stack).transpose(0, 3, 1, 2).copy())
                .mul_(1 / 127.5)
                .sub_(1)
            )
            limit = 2 * max(len(c.truth) for c in some) + 16
            for c, text in zip(
                some,
                decode.greedy(model, pixels, PROMPT[kind], limit, llama_graph=llama_graph),
                strict=True,
            ):
                c.read = text


def rate(some: list[Case]) -> float:
    """Character error rate over cases."""
    return sum(c.errors for c in some) / max(1, sum(len(c.truth) for c in some))


def summary(sets: dict[str, list[Case]]) -> dict[str, Any]:
    """All figures."""
    out: dict[str, Any] = {"sets": {}, "fonts": {}, "sizes": {}}
    for name, some in sets.items():
        entry = {
            "pictures": len(some),
            "characters": sum(len(c.truth) for c in some),
            "cer": round(rate(some), 4),
        }
        entry["exact"] = round(sum(c.errors == 0 for c in some) / len(some), 4)
        if some[0].kind == "table":
            hits = [cell_hits(c.read, c.truth) for c in some]
            entry["cells"] = sum(n for _, n in hits)
            entry["cell_accuracy"] = round(sum(h for h, _ in hits) / entry["cells"], 4)
        out["sets"][name] = entry
        for key, group in (
            ("fonts", lambda c: c.font),
            ("sizes", lambda c: f"{c.size // 4 * 4}-{c.size // 4 * 4 + 3}"),
        ):
            parts: dict[str, list[Case]] = defaultdict(list)
            for c in some:
                parts[group(c)].append(c)
            out[key][name] = {
                k: {"pictures": len(v), "cer": round(rate(v), 4)} for k, v in sorted(parts.items())
            }
    return out


def main() -> None:
    """Draw, read, print, and write the figures."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("checkpoint", type=Path)
    p.add_argument("--json", type=Path, help="write the figures here")
    p.add_argument("--scale", type=float, default=1.0, help="share of the pictures to use")
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
    model, _ = network.load(args.checkpoint)

    def some(n: int) -> int:
        return max(1, round(n * float(args.scale)))

    trained = list(dict.fromkeys(fonts.train_fonts()))
    held = fonts.held_out_fonts()
    order = random.Random(SEED).sample(trained, len(trained))
    sets = {
        "lines, trained fonts": cases("line", order[: some(len(order))], 8, SEED + 1),
        "lines, held-out fonts": cases("line", held, some(65), SEED + 2),
        "blocks, trained fonts": cases("block", order[: some(len(order))], 3, SEED + 3),
        "blocks, held-out fonts": cases("block", held, some(6), SEED + 4),
        "tables, trained fonts": cases("table", order[: some(len(order))], 3, SEED + 5),
        "tables, held-out fonts": cases("table", held, some(6), SEED + 6),
    }
    for name, todo in sets.items():
        read_all(model, todo, llama_graph=args.llama_graph)
        for c in [c for c in todo if c.errors][: args.errors]:
            print(f"{name}: {c.font} {c.size}\n  true {c.truth!r}\n  read {c.read!r}")
    figures = summary(sets)
    print(report.markdown(figures))
    if args.json:
        temporary = args.json.with_suffix(".part")
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        temporary.replace(args.json)


if __name__ == "__main__":
    main()
