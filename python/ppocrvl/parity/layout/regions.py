# SPDX-License-Identifier: Apache-2.0
"""The regions of whole pages, ours against transformers'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.parity.layout.stages import sigmoid, votes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.floating[Any]]

SHARE = 0.995
"""So many of all regions must be the same."""

PIXELS = 0.5
"""The sides of a box may differ by so many pixels of the page."""

TIE = 1e-4
"""What differs by less, in parts of the largest value, is a tie, and either choice is right."""


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """The regions of one page.

    Attributes:
        n_regions: of either side, once each.
        n_same: with the same query and class, a box within `PIXELS`, and the same place in the
            reading order of those that both sides have.
        largest_gap: of the sides of boxes that both sides have, in pixels of the page.
        n_one_sided: regions that one side alone has.
        n_moved: boxes further apart than `PIXELS`.
        n_misplaced: in another place of the order.
        same_queries: whether the same tokens were chosen as queries, in the same order but for
            ties.
    """

    n_regions: int
    n_same: int
    largest_gap: float
    n_one_sided: int
    n_moved: int
    n_misplaced: int
    same_queries: bool


class TiedQueries:
    """Takes our order of queries for the reference's where its own values leave it open.

    Which of two tokens of nearly equal score comes first decides what every later number stands
    for, so the reference goes on with ours if each of ours is as good as its own at that place.

    Args:
        ours: our tokens, the best first.
    """

    def __init__(self, ours: npt.NDArray[np.int64]) -> None:
        self._ours = ours
        self.same = False

    def __call__(self, best: Array, theirs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The tokens to go on with; arguments as `LayoutReference.alone` gives them."""
        spare = TIE * float(np.abs(best).max())
        is_choice = len(np.unique(self._ours)) == len(theirs)
        gaps = np.abs(best[self._ours] - best[theirs]) if is_choice else np.array([np.inf])
        self.same = bool(gaps.max() <= spare)
        return self._ours if self.same else theirs


def match_regions(
    found: Mapping[str, Any],
    expected: Mapping[str, Array],
    thresholds: Sequence[float],
    *,
    same_queries: bool,
) -> RegionMatch:
    """Compare the regions of scores from their class's threshold on.

    Args:
        found: what `LayoutModel.run(page)` gave, with "page_size".
        expected: the reference's stages.
        thresholds: one for each class.
        same_queries: to be noted.
    """
    scores = sigmoid(expected["logits"])
    least = np.asarray(thresholds)
    last = np.sort(scores, None)[-len(scores)]  # of as many as there are queries
    theirs = {(int(q), int(c)) for q, c in np.argwhere((scores >= least) & (scores >= last))}
    keep = found["scores"] >= least[found["labels"]]
    ours = [
        (int(q), int(c)) for q, c in zip(found["queries"][keep], found["labels"][keep], strict=True)
    ]

    def is_tied(region: tuple[int, int]) -> bool:
        score = scores[region]
        return bool(min(abs(score - least[region[1]]), abs(score - last)) <= TIE)

    one_sided = {one for one in theirs ^ set(ours) if not is_tied(one)}
    common = np.array([one in theirs for one in ours], dtype=bool)
    queries = found["queries"][keep][common]
    x, y, width, height = expected["boxes"][queries].astype(np.float64).T
    corners = np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)
    gaps = np.abs(found["boxes"][keep][common] - corners * np.tile(found["page_size"], 2))
    moved = gaps.max(axis=1, initial=0.0) > PIXELS
    before = votes(expected["order_logits"])[queries]
    misplaced = np.abs(before - np.sort(before)) > TIE * np.abs(before).max(initial=0.0)
    return RegionMatch(
        n_regions=len(queries) + len(one_sided),
        n_same=int((~(moved | misplaced)).sum()),
        largest_gap=float(gaps.max(initial=0.0)),
        n_one_sided=len(one_sided),
        n_moved=int(moved.sum()),
        n_misplaced=int(misplaced.sum()),
        same_queries=same_queries,
    )
