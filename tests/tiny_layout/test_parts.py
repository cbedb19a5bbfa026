# SPDX-License-Identifier: Apache-2.0
"""Assignment, boxes, losses and scores of the layout model's training."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from tests.not_run import TORCH

torch = pytest.importorskip("torch", reason=TORCH)

from tiny_layout import losses, measure  # noqa: E402 - they need torch
from tiny_layout.assign import assign  # noqa: E402
from tiny_layout.boxes import corners, overlap, suppress  # noqa: E402


def test_the_assignment_is_the_cheapest() -> None:
    chance = np.random.default_rng(0)
    for _ in range(200):
        rows = int(chance.integers(1, 6))
        columns = int(chance.integers(rows, 7))
        cost = chance.normal(size=(rows, columns))
        chosen = assign(cost)
        assert len(set(chosen)) == rows
        cheapest = min(
            sum(cost[i, p[i]] for i in range(rows)) for p in permutations(range(columns), rows)
        )
        assert cost[np.arange(rows), chosen].sum() == pytest.approx(cheapest)


def test_nothing_is_assigned_to_nothing() -> None:
    assert assign(np.zeros((0, 4))).shape == (0,)


def test_overlap_of_a_quarter() -> None:
    a = torch.tensor([0.0, 0.0, 0.5, 0.5])
    b = torch.tensor([0.25, 0.25, 0.75, 0.75])
    iou, giou = overlap(a, b)
    assert float(iou) == pytest.approx(1 / 7)
    assert float(giou) == pytest.approx(1 / 7 - (0.5625 - 0.4375) / 0.5625)


def test_weaker_duplicates_are_dropped() -> None:
    boxes = torch.tensor([[0.0, 0, 1, 0.5], [0.0, 0, 1, 0.45], [0.0, 0.5, 1, 1]])
    assert suppress(boxes, torch.tensor([0.6, 0.9, 0.3]), 0.5) == [1, 2]


def test_a_second_query_on_a_region_is_told_to_be_silent() -> None:
    told = [{"boxes": torch.tensor([[0.5, 0.5, 0.4, 0.2]]), "class_labels": torch.tensor([22])}]
    boxes = torch.tensor([[[0.5, 0.5, 0.4, 0.2], [0.5, 0.5, 0.4, 0.19]]])
    logits = torch.zeros(1, 2, 25, requires_grad=True)
    pairs = losses.match(logits, boxes, told)
    assert [q.tolist() for q, _ in pairs] == [[0]]
    named, far, apart = losses.detection(logits, boxes, told, pairs, 1.0)
    assert float(far) == pytest.approx(0, abs=1e-6)
    assert float(apart) == pytest.approx(0, abs=1e-6)
    named.backward()
    assert logits.grad is not None
    assert logits.grad[0, 0, 22] < 0 < logits.grad[0, 1, 22]


def test_more_regions_than_queries_leave_some_out() -> None:
    told = [
        {"boxes": torch.rand(5, 4) * 0.2 + 0.3, "class_labels": torch.zeros(5, dtype=torch.long)}
    ]
    ((queries, regions),) = losses.match(torch.zeros(1, 3, 25), torch.rand(1, 3, 4), told)
    assert queries.tolist() == [0, 1, 2]
    assert len(set(regions.tolist())) == 3


@pytest.mark.parametrize("sequence", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]])
def test_what_the_order_loss_teaches_is_what_the_votes_read(sequence: list[int]) -> None:
    """Region k answers at query sequence[k]; logits that cost nothing must rank it k-th."""
    queries = torch.tensor(sequence)
    pairs = [(queries, torch.arange(4))]
    place = {q: k for k, q in enumerate(sequence)}
    logits = torch.tensor(
        [[20.0 if place[i] < place[j] else -20.0 for j in range(4)] for i in range(4)]
    )
    assert float(losses.order(logits[None], pairs)) < 1e-6
    assert float(losses.order(-logits[None], pairs)) > 10
    assert measure.votes(logits).argsort().tolist() == sequence


def test_scores_count_boxes_labels_and_order() -> None:
    told = corners(torch.tensor([[0.5, 0.1, 0.8, 0.1], [0.5, 0.4, 0.8, 0.2], [0.5, 0.8, 0.8, 0.2]]))
    found = measure.Found(told[[0, 2, 1]], [22, 22, 21], torch.tensor([0.9, 0.8, 0.7]))
    score = measure.Score()
    score.add(found, told, [22, 22, 22])
    assert score.f1() == 1
    assert score.labelled() == pytest.approx(2 / 3)
    assert score.f1(22) == pytest.approx(2 * 2 / (2 + 3))
    assert score.order() == pytest.approx(2 / 3)
    assert score.wholly_ordered == 0


def test_a_duplicate_costs_precision() -> None:
    told = torch.tensor([[0.0, 0, 1, 0.5]])
    found = measure.Found(told.repeat(2, 1), [22, 22], torch.tensor([0.9, 0.8]))
    score = measure.Score()
    score.add(found, told, [22])
    assert score.f1() == pytest.approx(2 / 3)
