# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of boxes."""

from __future__ import annotations

import torch


def corners(boxes: torch.Tensor) -> torch.Tensor:
    """Centre and size to left, top, right, bottom."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], -1)


def overlap(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU of boxes given by their corners; shapes broadcast."""
    inner = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(
        min=0
    )
    outer = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(
        min=0
    )
    shared, around = inner[..., 0] * inner[..., 1], outer[..., 0] * outer[..., 1] + 1e-9
    area_a = (a[..., 2] - a[..., 0]).clamp(min=0) * (a[..., 3] - a[..., 1]).clamp(min=0)
    area_b = (b[..., 2] - b[..., 0]).clamp(min=0) * (b[..., 3] - b[..., 1]).clamp(min=0)
    union = area_a + area_b - shared + 1e-9
    iou = shared / union
    return iou, iou - (around - union) / around


def suppress(boxes: torch.Tensor, scores: torch.Tensor, most: float) -> list[int]:
    """Indices, best first, of the boxes whose IoU with a better one is at most ``most``."""
    order = scores.argsort(descending=True)
    iou, _ = overlap(boxes[order][:, None], boxes[order][None])
    kept: list[int] = []
    for i in range(len(order)):
        if all(iou[i, j] <= most for j in kept):
            kept.append(i)
    return [int(order[i]) for i in kept]
