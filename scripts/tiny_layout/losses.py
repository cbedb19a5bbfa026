# SPDX-License-Identifier: Apache-2.0
"""What the network is told about its mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from tiny_layout.assign import assign
from tiny_layout.boxes import corners, overlap

if TYPE_CHECKING:
    from transformers import PPDocLayoutV3ForObjectDetection

    from tiny_layout.dense import Teacher

Target = dict[str, torch.Tensor]
Pairs = list[
    tuple[torch.Tensor, torch.Tensor]
]  # per page: queries, and the regions they answer for

CLASS, DISTANCE, OVERLAP, ORDER, DENSE = 1.0, 5.0, 2.0, 1.0, 2.0  # weights of the parts


@dataclass
class Parts:
    """The loss, and its parts in the last decoder layer for the log."""

    total: torch.Tensor
    figures: dict[str, float]


def match(logits: torch.Tensor, boxes: torch.Tensor, targets: list[Target]) -> Pairs:
    """One query for every region: the cheapest assignment by class, distance and overlap."""
    pairs = []
    scores = logits.detach().sigmoid()
    for score, box, told in zip(scores, boxes.detach(), targets, strict=True):
        p = score[:, told["class_labels"]]
        right = 0.25 * (1 - p) ** 2 * -(p + 1e-8).log()
        wrong = 0.75 * p**2 * -(1 - p + 1e-8).log()
        away = torch.cdist(box, told["boxes"], p=1)
        _, giou = overlap(corners(box)[:, None], corners(told["boxes"])[None])
        cost = 2 * (right - wrong) + DISTANCE * away - OVERLAP * giou
        regions = len(told["boxes"])
        if regions > len(box):  # more regions than queries: some go without
            chosen = torch.from_numpy(assign(cost.double().numpy()))
            pairs.append((torch.arange(len(box)), chosen))
        else:
            chosen = torch.from_numpy(assign(cost.T.double().numpy()))
            pairs.append((chosen, torch.arange(regions)))
    return pairs


def detection(
    logits: torch.Tensor, boxes: torch.Tensor, targets: list[Target], pairs: Pairs, count: float
) -> tuple[torch.Tensor, ...]:
    """Class, distance and overlap losses per region.

    A query's score shall be the IoU of its box if it answers for a region, and zero if it does not;
    those that answer weigh in full however poor their box is, so that of two queries on one region
    the one that was not chosen learns to be silent.
    """
    page = torch.cat([torch.full_like(q, i) for i, (q, _) in enumerate(pairs)])
    query = torch.cat([q for q, _ in pairs])
    told = torch.cat([t["boxes"][r] for t, (_, r) in zip(targets, pairs, strict=True)])
    label = torch.cat([t["class_labels"][r] for t, (_, r) in zip(targets, pairs, strict=True)])
    mine = boxes[page, query]
    iou, giou = overlap(corners(mine), corners(told))
    wanted = torch.zeros_like(logits)
    wanted[page, query, label] = iou.detach().clamp(0, 1)
    weight = 0.75 * logits.detach().sigmoid() ** 2
    weight[page, query, label] = 1.0
    named = functional.binary_cross_entropy_with_logits(
        logits, wanted, weight=weight, reduction="sum"
    )
    return named / count, (mine - told).abs().sum() / count, (1 - giou).sum() / count


def order(logits: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """For i < j, logits[i, j] says whether query i is read first; regions stand in order."""
    parts = []
    for page, (query, region) in zip(logits, pairs, strict=True):
        if len(query) > 1:
            by_query = query.argsort()
            q, r = query[by_query], region[by_query]
            i, j = torch.triu_indices(len(q), len(q), 1)
            parts.append(
                functional.binary_cross_entropy_with_logits(page[q[i], q[j]], (r[i] < r[j]).float())
            )
    return torch.stack(parts).mean() if parts else logits.sum() * 0


def compute(
    model: PPDocLayoutV3ForObjectDetection,
    teacher: Teacher,
    pixels: torch.Tensor,
    targets: list[Target],
) -> Parts:
    """The loss of a batch: encoder, decoder layers, denoising queries, dense teacher."""
    with torch.autocast("cpu", torch.bfloat16):
        out = model.model(pixels, labels=targets)
        dense = teacher(out.encoder_last_hidden_state)
    logits, boxes = out.intermediate_logits.float(), out.intermediate_reference_points.float()
    orders = out.out_order_logits.float()
    count = float(max(1, sum(len(t["boxes"]) for t in targets)))
    meta = out.denoising_meta_values
    noisy = meta["dn_num_split"][0] if meta else 0
    total = DENSE * teacher.loss(dense, targets)
    figures = {"dense": float(total.detach())}

    def add(
        says: torch.Tensor, places: torch.Tensor, pairs: Pairs, share: float
    ) -> tuple[float, ...]:
        nonlocal total
        named, far, apart = detection(says, places, targets, pairs, count * share)
        total = total + CLASS * named + DISTANCE * far + OVERLAP * apart
        return float(named.detach()), float(far.detach()), float(apart.detach())

    first, where = out.enc_topk_logits.float(), out.enc_topk_bboxes.float()
    figures["encoder"] = add(first, where, match(first, where, targets), 1)[2]
    for layer in range(logits.shape[1]):
        says, places = logits[:, layer, noisy:], boxes[:, layer, noisy:]
        pairs = match(says, places, targets)
        figures["class"], figures["distance"], figures["overlap"] = add(says, places, pairs, 1)
        ordered = order(orders[:, layer], pairs)
        figures["order"] = float(ordered.detach())
        total = total + ORDER * ordered
        if meta:
            groups = meta["dn_num_group"]
            positive = [
                (q, torch.arange(len(t["boxes"])).tile(groups))
                for q, t in zip(meta["dn_positive_idx"], targets, strict=True)
            ]
            figures["denoising"] = add(
                logits[:, layer, :noisy], boxes[:, layer, :noisy], positive, groups
            )[2]
    return Parts(total, figures)
