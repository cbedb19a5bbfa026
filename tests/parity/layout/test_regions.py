# SPDX-License-Identifier: Apache-2.0
"""When regions of two runs are the same, and what counts as a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocrvl.parity.layout.regions import (
    CHOICE_TIE,
    TIE,
    RegionMatch,
    TiedChoices,
    Ties,
    match_regions,
)
from ppocrvl.parity.layout.run import PageReport, summary, text_lines
from ppocrvl.parity.layout.stages import sigmoid, votes

N_QUERIES, N_LABELS = 6, 2
THRESHOLD = 0.3


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


@pytest.fixture
def expected() -> dict[str, Any]:
    """Three regions, read from the last query to the first."""
    logits = np.full((N_QUERIES, N_LABELS), -8.0)
    for query, score in ((0, 0.9), (2, 0.6), (5, 0.4)):
        logits[query, query % 2] = logit(score)
    boxes = np.tile([0.5, 0.5, 0.2, 0.1], (N_QUERIES, 1))
    order = np.triu(np.full((N_QUERIES, N_QUERIES), -4.0), 1)
    return {"logits": logits, "boxes": boxes, "order_logits": order}


@pytest.fixture
def found(expected: dict[str, Any]) -> dict[str, Any]:
    """The same, as our model gives it for a page of 1000 x 500 pixels."""
    queries = np.array([5, 2, 0])
    return {
        "queries": queries,
        "labels": queries % 2,
        "scores": sigmoid(expected["logits"])[queries, queries % 2],
        "boxes": np.tile([400.0, 225.0, 600.0, 275.0], (3, 1)),
        "page_size": np.array([1000.0, 500.0]),
    }


def match(found: dict[str, Any], expected: dict[str, Any]) -> RegionMatch:
    return match_regions(found, expected, [THRESHOLD] * N_LABELS, choices([]))


def test_same_regions(found: dict[str, Any], expected: dict[str, Any]) -> None:
    result = match(found, expected)
    assert (result.n_regions, result.n_same) == (3, 3)
    assert result.largest_gap < 1e-9


@pytest.mark.parametrize(("gap", "n_same"), [(0.49, 3), (0.51, 2)])
def test_moved_box(
    found: dict[str, Any], expected: dict[str, Any], gap: float, n_same: int
) -> None:
    found["boxes"][1, 2] += gap
    result = match(found, expected)
    assert (result.n_regions, result.n_same, result.n_moved) == (3, n_same, 3 - n_same)
    assert result.largest_gap == pytest.approx(gap)


def test_region_of_one_side(found: dict[str, Any], expected: dict[str, Any]) -> None:
    expected["logits"][3, 0] = logit(0.5)
    result = match(found, expected)
    assert (result.n_regions, result.n_same, result.n_one_sided) == (4, 3, 1)
    found["scores"][2] = 0.1  # one that ours has no more
    result = match(found, expected)
    assert (result.n_regions, result.n_same, result.n_one_sided) == (4, 2, 2)


def test_another_class(found: dict[str, Any], expected: dict[str, Any]) -> None:
    found["labels"][0] = 0
    result = match(found, expected)
    assert (result.n_same, result.n_one_sided) == (2, 2)


@pytest.mark.parametrize(
    ("score", "n_regions", "n_ties"),
    [(THRESHOLD + TIE / 2, 3, 1), (THRESHOLD + 2 * TIE, 4, 0)],
)
def test_score_at_the_threshold_is_a_tie(
    found: dict[str, Any], expected: dict[str, Any], score: float, n_regions: int, n_ties: int
) -> None:
    expected["logits"][3, 0] = logit(score)
    result = match(found, expected)
    assert (result.n_regions, result.ties) == (n_regions, Ties(left_out=n_ties))


def test_regions_in_another_order(found: dict[str, Any], expected: dict[str, Any]) -> None:
    swapped = [1, 0, 2]
    for name in ("queries", "labels", "scores", "boxes"):
        found[name] = found[name][swapped]
    result = match(found, expected)
    assert (result.n_same, result.n_misplaced) == (1, 2)
    assert result.ties == Ties()
    expected["order_logits"] *= 1e-5  # every order is nearly as good as another
    result = match(found, expected)
    assert (result.n_same, result.ties) == (3, Ties(places=2))


def test_page_without_regions(found: dict[str, Any], expected: dict[str, Any]) -> None:
    expected["logits"][:] = -8.0
    result = match({**found, "scores": np.zeros(3)}, expected)
    assert (result.n_regions, result.n_same, result.largest_gap) == (0, 0, 0.0)


def test_votes_count_what_comes_before() -> None:
    order = np.triu(np.full((4, 4), 40.0), 1)
    order[0, 2] = -40.0  # 2 comes before 0
    assert votes(order).tolist() == pytest.approx([1, 1, 1, 3])


def test_queries_in_another_order_are_taken_where_scores_are_tied() -> None:
    best = np.array([0.0, 5.0, 5.01, 3.0])
    theirs = np.array([2, 1, 3])
    tied = choices([1, 2, 3])
    assert tied.queries(best, theirs).tolist() == [1, 2, 3]
    assert tied.same
    assert tied.ties == Ties(queries=2)
    for ours in ([1, 3, 2], [2, 1, 0], [2, 2, 3]):
        other = choices(ours)
        assert other.queries(best, theirs) is theirs
        assert not other.same
        assert other.ties == Ties()


SIDE = 10


def box(left: int, top: int, right: int, bottom: int) -> list[float]:
    """Centre, width and height of pixels."""
    sides = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    return [one / SIDE for one in sides]


def choices(selected: list[int], *boxes: list[float], **more: Any) -> TiedChoices:
    stages = {"selected": selected, "references": boxes, **more}
    return TiedChoices({name: np.array(values) for name, values in stages.items()})


@pytest.mark.parametrize(
    ("value", "ours", "is_same"),
    [
        (CHOICE_TIE, box(2, 3, 8, 5), True),  # a pixel nearly zero belongs to the box or not
        (-CHOICE_TIE, box(2, 3, 8, 5), True),
        (-CHOICE_TIE, box(2, 3, 6, 5), True),
        (-CHOICE_TIE, box(2, 3, 9, 5), False),
        (-CHOICE_TIE, box(3, 3, 6, 5), False),
        (-CHOICE_TIE, box(2, 3, 6, 4), False),
        (0.1, box(2, 3, 6, 5), False),
        (-0.1, box(2, 3, 8, 5), False),
    ],
)
def test_boxes_are_taken_where_masks_are_nearly_zero(
    value: float, ours: list[float], *, is_same: bool
) -> None:
    mask = np.full((1, SIDE, SIDE), -1.0)
    mask[0, 3:5, 2:6] = 1.0
    mask[0, 4, 7] = value * 0.99 if abs(value) == CHOICE_TIE else value
    right = 8 if value > 0 else 6
    theirs = np.array([box(2, 3, right, 5)])
    tied = choices([0], ours)
    chosen = tied.boxes(mask, theirs)
    assert tied.same == is_same
    assert tied.ties == Ties(first_boxes=int(is_same and not np.allclose(ours, theirs)))
    assert np.allclose(chosen, [ours] if is_same else theirs)


def test_any_box_of_a_mask_that_is_nearly_zero() -> None:
    mask = np.full((1, SIDE, SIDE), -1e-5)
    mask[0, 9, 9] = -1.0
    assert choices([0], box(1, 1, 2, 2)).boxes(mask, np.array([box(0, 0, 0, 0)]))[0, 2] > 0


@pytest.mark.parametrize(
    ("margin", "is_same"), [(TIE / 2, True), (-TIE / 2, True), (2 * TIE, False), (-2 * TIE, False)]
)
def test_queries_at_their_threshold_take_part_as_ours_do(margin: float, *, is_same: bool) -> None:
    margins = np.array([0.2, margin, -0.2])
    tied = choices([], taken=[1.0, float(margin < 0), 0.0])
    assert tied.taken(margins).tolist() == [True, (margin < 0) == is_same, False]
    assert (tied.same, tied.ties) == (is_same, Ties(taken=int(is_same)))


def test_corners_beside_an_integer_are_cut_as_ours_are() -> None:
    theirs = np.tile([10.999, 20.5, 30.0, 41.0], (3, 1))
    gaps = [
        [0.002, 0.002, -0.002, -1e-9],  # all but the second are cut otherwise
        [0.2, 0, 0, 0],  # another box
        [0.002, 0, 0, 0],  # of a query that takes no part
    ]
    ours = theirs + np.array(gaps)
    tied = choices([], taken=np.array([0.0, 1.0, 1.0]), corners=ours)
    chosen = tied.corners(theirs).astype(np.float32)
    assert np.floor(chosen).tolist() == [[11, 20, 29, 40], [10, 20, 30, 41], [10, 20, 30, 41]]
    assert np.allclose(chosen, theirs, atol=0.003)
    assert (tied.same, tied.ties) == (True, Ties(corners=3))


def test_all_ties_are_reported(found: dict[str, Any], expected: dict[str, Any]) -> None:
    without = PageReport("page", (1000, 500), None, match(found, expected))
    assert not any("ties" in line for line in text_lines(without))
    expected["logits"][3, 0] = logit(THRESHOLD + TIE / 2)
    report = PageReport("page", (1000, 500), None, match(found, expected))
    assert text_lines(report)[-1] == "  ties: 1 regions at the threshold left out"
    assert summary([report, report])[-1] == (
        "ties (scores within 0.001, votes within 0.001 and choices within 0.003 of the largest): "
        "2 regions at the threshold left out, 0 in another place, 0 queries chosen otherwise, "
        "0 first boxes otherwise, 0 queries ordered on one side alone, 0 corners cut otherwise"
    )
