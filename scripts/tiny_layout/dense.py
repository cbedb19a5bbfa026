# SPDX-License-Identifier: Apache-2.0
"""A teacher that is thrown away: every cell of the feature maps names its region and its edges.

A query hears of one region a page; a cell hears of it at every place, so that backbone and encoder
learn many times faster.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pages.labels import LABELS
from tiny_layout.boxes import corners, overlap

NOTHING = len(LABELS)
LEVELS = (0, 1)  # strides 8 and 16
TYPICAL = 30.0  # cells of a region that weigh one each; those of larger regions weigh less


class Teacher(nn.Module):  # type: ignore[misc] # mypy does not see torch
    """Per cell: logits of the classes and of nothing, and four distances to the edges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.SiLU(),
                nn.Conv2d(width, NOTHING + 1 + 4, 1),
            )
            for _ in LEVELS
        )
        for head in self.heads:
            nn.init.normal_(head[-1].weight, std=0.01)
            nn.init.zeros_(head[-1].bias)
            nn.init.constant_(head[-1].bias[NOTHING + 1 :], -2.0)

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """The maps' answers."""
        return [head(features[level]) for head, level in zip(self.heads, LEVELS, strict=True)]

    def loss(
        self, answers: list[torch.Tensor], targets: list[dict[str, torch.Tensor]]
    ) -> torch.Tensor:
        """Class and edges of the smallest region around each cell."""
        return torch.stack([_loss(answer.float(), targets) for answer in answers]).sum()


def _loss(answer: torch.Tensor, targets: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    count, _, height, width = answer.shape
    y, x = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    label = torch.full((count, height, width), NOTHING)
    place = torch.zeros(count, height, width, 4)
    near = 0.35 / height  # so that a line thinner than a cell is not missed
    for i, told in enumerate(targets):
        if not len(told["boxes"]):
            continue
        edges = corners(told["boxes"])[:, :, None, None]
        inside = (
            (x >= edges[:, 0] - near)
            & (x <= edges[:, 2] + near)
            & (y >= edges[:, 1] - near)
            & (y <= edges[:, 3] + near)
        )
        area = (told["boxes"][:, 2] * told["boxes"][:, 3])[:, None, None]
        least, which = torch.where(inside, area, 9.0).min(0)
        found = least < 9
        label[i][found] = told["class_labels"][which[found]]
        place[i][found] = corners(told["boxes"])[which[found]]
    cells = (place[..., 2] - place[..., 0]) * (place[..., 3] - place[..., 1]) * height * width
    some = label != NOTHING
    weight = torch.where(some, (TYPICAL / cells.clamp(min=1)).sqrt().clamp(0.15, 5), 1.0)
    named = functional.cross_entropy(answer[:, : NOTHING + 1], label, reduction="none")
    named_loss = (named * weight).sum() / weight.sum()
    if not some.any():
        return named_loss
    away = functional.softplus(answer[:, NOTHING + 1 :]) * 0.5
    mine = torch.stack([x - away[:, 0], y - away[:, 1], x + away[:, 2], y + away[:, 3]], -1)[some]
    _, giou = overlap(mine, place[some])
    far = (mine - place[some]).abs().sum(-1)
    w = weight[some]
    return named_loss + ((1 - giou + 5 * far) * w).sum() / w.sum()
