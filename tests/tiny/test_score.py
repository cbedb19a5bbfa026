# SPDX-License-Identifier: Apache-2.0
"""Error rates and table cells are counted right."""

from __future__ import annotations

import random

import pytest
from rapidfuzz.distance import Levenshtein

from tiny import score


def test_distance_equals_an_independent_implementation() -> None:
    rng = random.Random(1)
    for _ in range(300):
        a, b = ("".join(rng.choices("abc", k=rng.randrange(9))) for _ in range(2))
        assert score.distance(a, b) == Levenshtein.distance(a, b)


def test_cer_sums_before_it_divides() -> None:
    assert score.cer(["ab", ""], ["abcd", "x"]) == pytest.approx(3 / 5)


def test_cells_count_by_place_and_text() -> None:
    truth = "<fcel>a<ecel><nl><fcel>b<fcel>c d<nl>"
    assert score.otsl_cells(truth) == [["a", ""], ["b", "c d"]]
    assert score.cell_hits(truth, truth) == (4, 4)
    assert score.cell_hits("<fcel>a<fcel>x<nl><fcel>b<nl>", truth) == (2, 4)
    assert score.cell_hits("", truth) == (0, 4)
