# SPDX-License-Identifier: Apache-2.0
"""The picture of the learning curve, from the log of the training."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOSSES = {"class": "class", "overlap": "1 - generalised IoU", "order": "order"}
SCORES = {"f1": "F1 with label", "ordered": "pairs in order"}


def draw(log: Path, picture: Path) -> None:
    """Draw losses and scores over thousands of pages; needs matplotlib."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    with log.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for axes, names in ((left, LOSSES), (right, SCORES)):
        for name, label in names.items():
            points = [(float(r["pages"]) / 1000, float(r[name])) for r in rows if r[name]]
            axes.plot([x for x, _ in points], [y for _, y in points], label=label)
        axes.set(xlabel="thousand pages", ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_ylabel("loss of the last layer")
    figure.savefig(picture, dpi=100)
    plt.close(figure)
