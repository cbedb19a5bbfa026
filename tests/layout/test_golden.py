# SPDX-License-Identifier: Apache-2.0
"""Our filters give what PaddleX's and transformers' own functions give on 2,200 sets of regions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.layout.golden import FILE, PARTS, Answer, unpacked_answers, unpacked_pages
from tests.layout.region_sets import N_RANDOM, RegionSet, random_set

from ppocrvl.exporter.layout.official import LABELS, thresholds
from ppocrvl.layout.find import find_regions
from ppocrvl.layout.official import PIPELINES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppocrvl.layout.region import Region

N_PAGES = 200
QUICK = 200, 20
"""Random sets and painted pages that are always compared; the others are slow tests."""


@cache
def golden() -> dict[str, NDArray[Any]]:
    with np.load(FILE) as data:
        return dict(data)


@cache
def answers() -> list[Answer]:
    return unpacked_answers(golden())


def ours(one: RegionSet) -> list[Region]:
    pipeline = replace(
        PIPELINES[one.version],
        merge_modes=one.merge_modes,
        unclip=one.unclip,
        corners=one.corners,
    )
    limits = dict(zip(LABELS, thresholds(one.version, LABELS), strict=True))
    return find_regions(one.candidates, one.page_size, limits, pipeline, one.mode)


def differences(found: list[Region], one: RegionSet, answer: Answer) -> str:
    """What differs, in one line; "" where nothing does."""
    scores = one.candidates.scores.tolist()
    indices = [scores.index(region.score) for region in found]
    if indices != answer.indices:
        return f"regions {indices}, not {answer.indices}"
    if [region.box for region in found] != [tuple(box) for box in answer.boxes.tolist()]:
        return f"boxes {[r.box for r in found]}, not {answer.boxes.tolist()}"
    for index, region, expected in zip(indices, found, answer.polygons, strict=True):
        polygon = np.array(region.polygon)
        if polygon.shape != expected.shape or np.abs(polygon - expected).max() > 1 / PARTS:
            return f"{one.mode} polygon of {index}: {polygon.tolist()}, not {expected.tolist()}"
    return ""


def assert_same(sets: list[RegionSet], expected: list[Answer]) -> None:
    """PaddleX divides by zero where a polygon has no area; ours must only get through there."""
    differing = {}
    for number, (one, answer) in enumerate(zip(sets, expected, strict=True)):
        regions = ours(one)
        if not answer.error and (difference := differences(regions, one, answer)):
            differing[number] = difference
    assert not differing


def test_random_sets() -> None:
    assert_same([random_set(i) for i in range(QUICK[0])], answers()[: QUICK[0]])


def test_painted_pages() -> None:
    pages = unpacked_pages(golden(), QUICK[1])
    assert_same(pages, answers()[N_RANDOM : N_RANDOM + QUICK[1]])


@pytest.mark.slow
def test_all_random_sets() -> None:
    assert_same([random_set(i) for i in range(N_RANDOM)], answers()[:N_RANDOM])


@pytest.mark.slow
def test_all_painted_pages() -> None:
    assert_same(unpacked_pages(golden()), answers()[N_RANDOM:])


def test_the_data_are_worth_something() -> None:
    left = answers()
    assert len(left) == N_RANDOM + N_PAGES
    assert sum(bool(a.error) for a in left) < 30
    n_corners = np.array([len(p) for a in left for p in a.polygons])
    assert (n_corners > 4).sum() > 1000
    assert (n_corners == 4).sum() > 3000
    n_candidates = sum(len(random_set(i).candidates) for i in range(300))
    assert sum(len(a.indices) for a in left[:300]) < 0.8 * n_candidates
