# SPDX-License-Identifier: Apache-2.0
"""Measure a layout model on pages of templates, faces and contents that training never sees.

    python scripts/eval_layout.py models/tiny-layout --pages 300 --json docs/tiny-layout-eval.json

Prints a table and writes everything as JSON: F1 of boxes at IoU 0.5 per class and over the classes,
and the share of pairs in the right order, as the model gives it and with what the file asks for
(`only_found_vote`, `order_columns`). On clean and on worn pages, painted and (where WeasyPrint is
installed) set from HTML.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pages import squash
from pages.labels import ID, LABELS
from pages.maker import Page, make
from pages.worn import wear
from ppocrvl.layout.columns import column_by_column
from ppocrvl.layout.region import Region
from tiny_layout import curve, measure, network
from tiny_layout.boxes import corners
from tiny_layout.data import target, trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = "evaluation"
COMMON = ("text", "paragraph_title", "doc_title", "table")  # lists are text
GOALS = {"common": 0.93, "classes": 0.85, "order": 0.985}
MICROS = 1_000_000  # boxes of whole numbers: millionths of a side
COLUMNS = 2  # pages with regions side by side count as multi-column


@dataclass(frozen=True)
class Set:
    """Pages of one source, clean or worn."""

    name: str
    make: Callable[[str], Page]
    worn: bool


def sets() -> list[Set]:
    """What can be made on this machine."""
    makers: list[tuple[str, Callable[[str], Page]]] = [
        ("painted", partial(make, held_out=True)),
        ("trained templates and faces", make),
    ]
    try:
        from pages import typeset  # noqa: PLC0415 - needs WeasyPrint
    except ImportError as e:
        print(f"No pages set from HTML: {e}", file=sys.stderr)
    else:
        makers.append(("set from HTML", partial(typeset.make, held_out=True)))
    return [
        Set(name + (", worn" if worn else ""), m, worn)
        for name, m in makers
        for worn in (False, True)
    ]


def prepared(chosen: Set, index: int, size: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A page as the network sees it, [3, size, size], and the truth."""
    seed = f"{SEED} {chosen.name.removesuffix(', worn')} {index}"
    page = chosen.make(seed)
    boxes, ids = trained(page)
    image = page.image
    if chosen.worn:
        image, boxes = wear(random.Random(seed + " worn"), image, boxes, page.paper)
    pixels = np.asarray(squash.squash(image, size).convert("RGB"))
    told = target(list(boxes), ids, image.size)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255, told


def looked_at(
    model: torch.nn.Module, chosen: Set, count: int, size: int, threshold: float
) -> Iterator[tuple[measure.Found, dict[str, torch.Tensor]]]:
    """The pages of a set: what was found and what is true."""
    for i in range(count):
        pixels, told = prepared(chosen, i, size)
        yield measure.look(model, pixels[None], threshold)[0], told


def side_by_side(boxes: torch.Tensor) -> bool:
    """Whether some two regions stand beside each other (boxes as corners)."""
    if len(boxes) < COLUMNS:
        return False
    apart = boxes[:, None, 2] < boxes[None, :, 0]
    level = torch.minimum(boxes[:, None, 3], boxes[None, :, 3]) - torch.maximum(
        boxes[:, None, 1], boxes[None, :, 1]
    )
    tall = (boxes[:, 3] - boxes[:, 1]).clamp(max=0.06)
    return bool((apart & (level > 0.02) & (tall[:, None] > 0.03)).any())


def as_the_file_asks(found: measure.Found) -> measure.Found:
    """The same regions in the order of `only_found_vote` and `order_columns`."""
    boxes = [[round(side) for side in box] for box in (found.boxes * MICROS).tolist()]
    regions = [
        # The score says which one it was.
        Region.of_box(LABELS[found.labels[i]], i, tuple(boxes[i]), place)
        for place, i in enumerate(found.helped)
    ]
    order = [int(region.score) for region in column_by_column(regions)]
    return measure.Found(found.boxes[order], [found.labels[i] for i in order], found.scores[order])


def figures(scores: dict[str, measure.Score]) -> dict[str, object]:
    """A set's scores as numbers."""
    at = scores["0.5"]
    common = [at.f1(ID[label]) for label in COMMON if at.told[ID[label]]]
    return {
        "pages": at.pages,
        "f1": round(at.f1(), 4),
        "f1_labelled": round(at.labelled(), 4),
        "f1_over_classes": round(at.over_classes(), 4),
        "f1_common": round(sum(common) / max(1, len(common)), 4),
        "f1_at_0.75": round(scores["0.75"].f1(), 4),
        "order": round(at.order(), 4),
        "order_multi_column": round(scores["columns"].order(), 4),
        "pages_in_order": round(at.wholly_ordered / max(1, at.pages), 4),
        "order_helped": round(scores["helped"].order(), 4),
        "pages_in_order_helped": round(scores["helped"].wholly_ordered / max(1, at.pages), 4),
        "classes": {
            label: {"told": at.told[i], "found": at.found[i], "f1": round(at.f1(i), 4)}
            for i, label in enumerate(LABELS)
            if at.told[i] or at.found[i]
        },
    }


def measured(
    model: torch.nn.Module, chosen: Set, count: int, size: int, threshold: float
) -> dict[str, object]:
    """The figures of a set."""
    scores = {"0.5": measure.Score(), "0.75": measure.Score(0.75), "columns": measure.Score()}
    helped = measure.Score()
    for found, told in looked_at(model, chosen, count, size, threshold):
        boxes, labels = corners(told["boxes"]), told["class_labels"].tolist()
        for name, score in scores.items():
            if name != "columns" or side_by_side(boxes):
                score.add(found, boxes, labels)
        helped.add(as_the_file_asks(found), boxes, labels)
    scores["helped"] = helped
    return figures(scores)


def table(results: dict[str, dict[str, object]]) -> str:
    """The figures as Markdown."""
    head = (
        *("set", "pages", "F1", "with label", "over classes", "text, titles, tables"),
        *("F1 at 0.75", "order", "multi-column", "whole pages"),
        *("order with help", "whole pages with help"),
    )
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    keys = (
        "f1",
        "f1_labelled",
        "f1_over_classes",
        "f1_common",
        "f1_at_0.75",
        "order",
        "order_multi_column",
        "pages_in_order",
        "order_helped",
        "pages_in_order_helped",
    )
    for name, r in results.items():
        lines.append(f"| {name} | {r['pages']} | " + " | ".join(f"{r[k]:.3f}" for k in keys) + " |")
    lines += ["", "| class | " + " | ".join(results) + " |", "| --- |" + " --- |" * len(results)]
    for label in LABELS:
        cells = []
        for r in results.values():
            classes = r["classes"]
            assert isinstance(classes, dict)
            c = classes.get(label)
            cells.append(f"{c['f1']:.3f} of {c['told']}" if c else "")
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and report."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("model", type=Path, help="folder of the checkpoint")
    p.add_argument("--pages", type=int, default=200, help="pages of each set")
    p.add_argument("--size", type=int, default=network.SIZE, help="pixels of a side")
    p.add_argument("--threshold", type=float, default=measure.THRESHOLD)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--json", type=Path)
    p.add_argument("--curve", type=Path, nargs=2, metavar=("LOG", "PICTURE"), help="draw the log")
    args = p.parse_args()
    if args.curve:
        curve.draw(*args.curve)
    torch.set_num_threads(args.threads)
    model = network.load(args.model)
    results = {s.name: measured(model, s, args.pages, args.size, args.threshold) for s in sets()}
    print(table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
