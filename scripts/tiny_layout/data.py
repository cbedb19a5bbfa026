# SPDX-License-Identifier: Apache-2.0
"""Batches of painted pages. Sample n of a seed is always the same, so a run resumes by its step."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pages import squash
from pages.labels import ID, UNTRAINED
from pages.maker import Page, make
from pages.worn import wear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pages.sheet import Box

LEAST = 3  # pixels of a side on the page; smaller regions are not learned


@dataclass
class Batch:
    """``pixels`` [n, 3, size, size] in 0..1; ``targets`` as transformers' model takes them.

    A target's ``boxes`` are centre and size in 0..1, its regions stand in reading order.
    """

    pixels: torch.Tensor
    targets: list[dict[str, torch.Tensor]]


def trained(page: Page) -> tuple[list[Box], list[int]]:
    """Boxes and class ids of the regions that are trained, in reading order."""
    kept = [r for r in page.regions if r.label not in UNTRAINED and r.box]
    return [r.box for r in kept if r.box], [ID[r.label] for r in kept]


def target(
    boxes: list[Box | None], ids: list[int], size: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """Regions as the network is told them; those that are None or tiny are left out."""
    rows, kept = [], []
    for box, label in zip(boxes, ids, strict=True):
        if box and box[2] - box[0] >= LEAST and box[3] - box[1] >= LEAST:
            x0, y0, x1, y1 = box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]
            rows.append(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0))
            kept.append(label)
    return {
        "boxes": torch.tensor(rows, dtype=torch.float32).reshape(-1, 4),
        "class_labels": torch.tensor(kept, dtype=torch.int64),
    }


def sample(seed: str, size: int, html: float) -> tuple[NDArray[np.uint8], dict[str, torch.Tensor]]:
    """A training page as uint8 [size, size, 3] and its target; ``html`` as for ``batch``."""
    rng = random.Random(seed + " use")
    page = _typeset(seed) if rng.random() < html else make(seed)
    boxes, ids = trained(page)
    image = page.image
    if rng.random() < 0.5:
        image, boxes = wear(rng, image, boxes, page.paper)
    elif rng.random() < 0.5:
        image = image.convert("L")
    framed: list[Box | None] = list(boxes)
    if rng.random() < 0.5:
        image, framed = squash.frame(rng, image, boxes, page.paper)
    small = squash.squash_anyhow(rng, image, size).convert("RGB")
    return np.asarray(small), target(framed, ids, image.size)


def _typeset(seed: str) -> Page:
    from pages import typeset  # noqa: PLC0415 - needs WeasyPrint, which most uses do not

    return typeset.make(seed)


def batch(seed: int, step: int, count: int, size: int, html: float = 0.0) -> Batch:
    """The batch of a step: pages that no other step has.

    Args:
        seed: Of the run.
        step: From 0.
        count: Pages.
        size: Pixels of a side.
        html: Share of the pages that WeasyPrint sets; one takes as long as twenty others.
    """
    samples = [sample(f"{seed} {step * count + i}", size, html) for i in range(count)]
    pixels = torch.from_numpy(np.stack([image for image, _ in samples])).permute(0, 3, 1, 2)
    pixels = pixels.float().div_(255).contiguous(memory_format=torch.channels_last)
    return Batch(pixels, [told for _, told in samples])
