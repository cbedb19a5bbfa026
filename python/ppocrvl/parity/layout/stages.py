# SPDX-License-Identifier: Apache-2.0
"""Each stage of our layout model against transformers', given the same input to that stage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.parity.compare import Difference, compare_arrays
from ppocrvl.parity.layout.network import N_LEVELS
from ppocrvl.parity.layout.version_2 import PER_MILLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Array = npt.NDArray[np.floating[Any]]

BOUND = 1e-4
"""Largest relative error of a stage."""

LEVEL_OF_PIXELS = 1 / 255
"""OpenCV, whose pixels ours are, rounds its weights to 11 bits; transformers does not."""


def comparable(stages: Mapping[str, Array]) -> dict[str, Array]:
    """Our stages of a page, as the reference shows and reads them.

    Args:
        stages: of `LayoutModel.run(page, trace=True)`.

    Returns:
        Them, of V2 with "taken": [n_queries], 1 for a query that takes part in the order net; and
        "corners": [n_queries, 4], of the boxes as that net gets them, 0 to 1000.
    """
    ours = dict(stages)
    ours["order_logits"] = np.triu(ours["order_logits"], 1)  # below, there is no meaning
    if "order_tokens" in ours:
        n_tokens = len(ours["order_tokens"])
        ours["taken"] = _taken(ours, n_tokens - 3)  # but start, end and what is left out
        centres, sizes = np.split(ours["boxes"].astype(np.float64), 2, axis=1)
        corners = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)
        ours["corners"] = np.clip(corners * PER_MILLE, 0, PER_MILLE)
        for name in ours:
            if re.fullmatch(r"order_tokens|order\.\d+", name):
                # The reference has no token for what is left out, where nothing is.
                ours[name] = ours[name][: len(ours["logits"]) + 2]
    return ours


def _taken(ours: Mapping[str, Array], n_taken: int) -> Array:
    """The queries that were brought to the front, known by their boxes, in their order."""
    last = max(int(name[11:]) for name in ours if name.startswith("references."))
    before, after = ours[f"references.{last}"], ours["boxes"]
    taken = np.zeros(len(before))
    for query, box in enumerate(before):
        found = int(taken.sum())
        taken[query] = found < n_taken and np.array_equal(box, after[found])
    return taken


def compare_stages(
    found: Mapping[str, Any], expected: Mapping[str, Array], pixels: Array, std: float
) -> list[Difference]:
    """All stages of one page, in the model's order.

    Args:
        found: what `LayoutModel.run(page, trace=True)` gave, its stages `comparable`, with
            "page_size".
        expected: `LayoutReference.from_given` of its stages.
        pixels: `LayoutReference.pixels` of the page.
        std: the smallest standard deviation that pixels are divided by.
    """
    ours: Mapping[str, Array] = found["stages"]
    differences = [_compare_pixels(ours["pixels"], pixels, LEVEL_OF_PIXELS / std)]
    for name, theirs in expected.items():
        if name == "selected":
            best = np.concatenate([ours[f"encoder_classes.{i}"] for i in range(N_LEVELS)]).max(1)
            chosen = best[ours["selected"].astype(np.int64)]
            differences.append(_compare(name, chosen, np.sort(best)[::-1][: len(chosen)]))
        elif name == "taken":
            chosen = np.where(ours["taken"] > 0, np.maximum(theirs, 0), np.minimum(theirs, 0))
            differences.append(_compare(name, chosen, theirs))
        elif name in ours:
            differences.append(_compare(name, ours[name], theirs))
        else:
            differences.append(_one_sided(name, "ours has none"))
    unknown = ours.keys() - expected.keys() - {"pixels"}
    differences += [_one_sided(name, "the reference has none") for name in sorted(unknown)]
    return [*differences, *_compare_regions(found, ours)]


def votes(order_logits: Array) -> npt.NDArray[np.float64]:
    """How many queries come before each, as transformers counts it; the order is theirs.

    Args:
        order_logits: [n, n]; of row i and column j > i, whether i comes before j.
    """
    upper = np.triu(order_logits.astype(np.float64), 1)
    before = np.triu(sigmoid(upper), 1)
    after = np.tril(1 - before.T, -1)
    total: npt.NDArray[np.float64] = (before + after).sum(axis=0)
    return total


def sigmoid(logits: Array) -> npt.NDArray[np.float64]:
    """In float64."""
    values: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return values


def _compare_regions(found: Mapping[str, Any], ours: Mapping[str, Array]) -> list[Difference]:
    """Scores, order and boxes, made of the heads' outputs.

    What is chosen or sorted is compared by the values that it is chosen or sorted by: which of two
    equal ones comes first is open.
    """
    queries, labels = found["queries"], found["labels"]
    scores = sigmoid(ours["logits"])
    by_query = votes(ours["order_logits"])[queries]
    x, y, width, height = ours["boxes"][queries].astype(np.float64).T
    corners = np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)
    page = np.tile(found["page_size"], 2)
    return [
        _compare("scores", found["scores"], scores[queries, labels]),
        _compare(
            "chosen", np.sort(found["scores"])[::-1], np.sort(scores, None)[::-1][: len(queries)]
        ),
        _compare("order", by_query, np.sort(by_query)),
        _compare("region_boxes", found["boxes"], corners * page),
    ]


def _one_sided(stage: str, note: str) -> Difference:
    return Difference(stage, bound=BOUND, passed=False, note=note)


def _compare(stage: str, ours: Array, theirs: Array) -> Difference:
    return compare_arrays(stage, ours.astype(np.float64), theirs.astype(np.float64), BOUND)


def _compare_pixels(ours: Array, theirs: Array, level: float) -> Difference:
    one = compare_arrays("pixels", ours.astype(np.float64), theirs, None)
    if one.largest is None:
        return Difference("pixels", passed=False, note=one.note)
    share = float((np.abs(ours - theirs) > level / 2).mean())
    return Difference(
        *("pixels", one.largest, one.mean, one.relative, one.cosine),
        passed=one.largest <= 1.01 * level,
        note=f"one level of 255 at {share:.2%} of the values" if share else "equal",
    )
