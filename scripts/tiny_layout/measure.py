# SPDX-License-Identifier: Apache-2.0
"""How well regions and their order were found."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from pages.labels import LABELS
from tiny_layout.boxes import corners, overlap, suppress

THRESHOLD = 0.35  # least score of a region
MOST_SHARED = 0.5  # IoU above which the weaker of two boxes is dropped


@dataclass
class Found:
    """Regions of a page in reading order; boxes [n, 4] as corners in 0..1.

    ``helped`` are their places in the order of the votes of those that found something
    (`only_found_vote` of a file).
    """

    boxes: torch.Tensor
    labels: list[int]
    scores: torch.Tensor
    helped: list[int] = field(default_factory=list)


def votes(order: torch.Tensor, voters: torch.Tensor | None = None) -> torch.Tensor:
    """How many of the voters come before each query; ``order`` [queries, queries], i < j holds.

    ``voters`` are indices of queries; None: all of them.
    """
    first = order.sigmoid().triu(1)
    before = first + (1 - first.T).tril(-1)  # [i, j]: that i comes before j
    return (before if voters is None else before[voters]).sum(0)


def look(
    model: torch.nn.Module,
    pixels: torch.Tensor,
    threshold: float = THRESHOLD,
    most: float = MOST_SHARED,
) -> list[Found]:
    """The regions of pages, [n, 3, size, size]."""
    with torch.no_grad():
        out = model(pixels)
    pages = []
    for logits, boxes, order in zip(out.logits, out.pred_boxes, out.order_logits, strict=True):
        scores, labels = logits.sigmoid().max(-1)
        sure = torch.nonzero(scores >= threshold)[:, 0]
        edges = corners(boxes)
        kept = [int(sure[i]) for i in suppress(edges[sure], scores[sure], most)]
        rank, helped = votes(order).tolist(), votes(order, sure).tolist()
        kept.sort(key=rank.__getitem__)
        places = sorted(range(len(kept)), key=lambda i: helped[kept[i]])
        found = Found(edges[kept], [int(labels[q]) for q in kept], scores[kept], places)
        pages.append(found)
    return pages


@dataclass
class Score:
    """Counts over pages; a pair is a found region with the told one that it covers."""

    least: float = 0.5  # IoU of a pair
    found: list[int] = field(default_factory=lambda: [0] * len(LABELS))
    told: list[int] = field(default_factory=lambda: [0] * len(LABELS))
    right: list[int] = field(default_factory=lambda: [0] * len(LABELS))
    covered: int = 0  # pairs whatever their labels
    ordered: int = 0
    pairs: int = 0
    pages: int = 0
    wholly_ordered: int = 0

    def add(self, found: Found, boxes: torch.Tensor, labels: list[int]) -> None:
        """A page, with its told regions in reading order as corners."""
        self.pages += 1
        for label in found.labels:
            self.found[label] += 1
        for label in labels:
            self.told[label] += 1
        pairs = _pair(found, boxes, self.least)
        self.covered += len(pairs)
        for mine, its in pairs:
            self.right[labels[its]] += found.labels[mine] == labels[its]
        pairs.sort()
        good = sum(a[1] < b[1] for i, a in enumerate(pairs) for b in pairs[i + 1 :])
        every = len(pairs) * (len(pairs) - 1) // 2
        self.ordered += good
        self.pairs += every
        self.wholly_ordered += 0 < good == every

    def f1(self, label: int | None = None) -> float:
        """F1 of one class, or of all regions whatever their class."""
        if label is None:
            return 2 * self.covered / max(1, sum(self.found) + sum(self.told))
        return 2 * self.right[label] / max(1, self.found[label] + self.told[label])

    def over_classes(self) -> float:
        """The mean F1 of the classes that occur."""
        seen = [i for i, n in enumerate(self.told) if n]
        return sum(self.f1(i) for i in seen) / max(1, len(seen))

    def labelled(self) -> float:
        """F1 over all regions, right only with the right class."""
        return 2 * sum(self.right) / max(1, sum(self.found) + sum(self.told))

    def order(self) -> float:
        """Share of the pairs of found regions in the right order."""
        return self.ordered / max(1, self.pairs)


def _pair(found: Found, boxes: torch.Tensor, least: float) -> list[tuple[int, int]]:
    """Best score first, each found region takes the free told one that it covers best."""
    if not len(found.labels) or not len(boxes):
        return []
    iou, _ = overlap(found.boxes[:, None], boxes[None])
    pairs: list[tuple[int, int]] = []
    for mine in found.scores.argsort(descending=True).tolist():
        its = int(iou[mine].argmax())
        if iou[mine, its] >= least:
            pairs.append((mine, its))
            iou[:, its] = -1
    return pairs
