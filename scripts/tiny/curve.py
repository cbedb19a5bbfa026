# SPDX-License-Identifier: Apache-2.0
"""The picture of the learning curve, from the log of the training."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def draw(log: Path, picture: Path) -> None:
    """Draw losses and error rates over minutes of training; needs matplotlib."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    with log.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for name, label in (("text", "next token"), ("dense", "dense teacher"), ("guide", "guide")):
        points = [(float(r["seconds"]) / 60, float(r[name])) for r in rows]
        left.plot(*zip(*points, strict=True), label=label)
    left.set(xlabel="minutes", ylabel="training loss (nats)", ylim=(0, None))
    for name, label in (("strip", "text"), ("table", "tables"), ("formula", "formulas")):
        points = [(float(r["seconds"]) / 60, float(r[name])) for r in rows if r[name]]
        right.plot(*zip(*points, strict=True), marker=".", label=label)
    right.set(xlabel="minutes", ylabel="character error rate", yscale="log", ylim=(None, 1.5))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(picture, dpi=100)
    plt.close(figure)
