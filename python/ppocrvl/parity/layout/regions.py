# SPDX-License-Identifier: Apache-2.0
"""The regions of whole pages, ours against transformers'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.parity.layout.stages import sigmoid, votes
from ppocrvl.parity.layout.version_2 import PER_MILLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.floating[Any]]
    Indices = npt.NDArray[np.int64]

SHARE = 0.995
"""So many of all regions must be the same."""

PIXELS = 0.5
"""The sides of a box may differ by so many pixels of the page."""

TIE = 1e-3
"""Scores and thresholds, and votes in parts of the largest, that differ by less are equal."""

CHOICE_TIE = 3e-3
"""What is chosen by differs by less, in parts of the largest value: then either choice is right.

At the official size with random weights, errors of float32 make up to 1.2e-3 of a class's logit.
"""

SAME_BOX = 1e-4
"""Parts of the page by which the sides of one box may differ; a pixel of a mask is a two-hundredth.

What is cut to integers, or begins at a pixel, then differs by rounding alone.
"""


@dataclass(slots=True)
class Ties:
    """What was taken as equal on one page, although the two differ, because it is a tie.

    Attributes:
        queries: places of `selected` where ours has another token.
        first_boxes: that begin or end elsewhere.
        taken: queries that take part in V2's order net on one side alone.
        corners: coordinates that its order net cuts to another integer.
        left_out: regions of one side alone, at their threshold; they are not counted.
        places: regions in another place of the reading order, counted as the same.
    """

    queries: int = 0
    first_boxes: int = 0
    taken: int = 0
    corners: int = 0
    left_out: int = 0
    places: int = 0


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """The regions of one page.

    Attributes:
        n_regions: of either side, once each, but for those that are left out as ties.
        n_same: with the same query and class, a box within `PIXELS`, and the same place in the
            reading order of those that both sides have.
        largest_gap: of the sides of boxes that both sides have, in pixels of the page.
        n_one_sided: regions that one side alone has.
        n_moved: boxes further apart than `PIXELS`.
        n_misplaced: in another place of the order.
        same_choices: whether the same queries and first boxes were chosen, but for ties.
        ties: what all this counts as equal or not at all.
    """

    n_regions: int
    n_same: int
    largest_gap: float
    n_one_sided: int
    n_moved: int
    n_misplaced: int
    same_choices: bool
    ties: Ties


class TiedChoices:
    """Takes our choices for the reference's where its own numbers leave them open.

    Which of two tokens of nearly equal score comes first decides what every later number stands
    for, and one pixel that is nearly zero decides where a box begins. So the reference goes on with
    ours where ours is as good as its own.

    Args:
        stages: ours, `comparable`.
    """

    def __init__(self, stages: Mapping[str, Array]) -> None:
        self._stages = stages
        self.same = True
        """Whether all of ours were the reference's, but for ties."""
        self.ties = Ties()

    def queries(self, best: Array, theirs: Indices) -> Indices:
        """As `reference.Choices`."""
        ours = self._stages["selected"].astype(np.int64)
        spare = CHOICE_TIE * float(np.abs(best).max())
        is_choice = len(np.unique(ours)) == len(theirs)
        self.same = is_choice and bool((np.abs(best[ours] - best[theirs]) <= spare).all())
        if not self.same:
            return theirs
        self.ties.queries = int((ours != theirs).sum())
        return ours

    def boxes(self, masks: Array, theirs: Array) -> Array:
        """As `reference.Choices`."""
        if not self.same:
            return theirs
        ours, chosen = self._stages["references"], theirs.copy()
        for query in np.flatnonzero(np.abs(ours - theirs).max(axis=1) > SAME_BOX):
            if _encloses(ours[query], masks[query]):
                chosen[query] = ours[query]
                self.ties.first_boxes += 1
            else:
                self.same = False
        return chosen

    def taken(self, margins: Array) -> npt.NDArray[np.bool_]:
        """As `reference.Choices`."""
        theirs = margins >= 0
        if not self.same:
            return theirs
        ours = self._stages["taken"] > 0
        self.same = bool((np.abs(margins[ours != theirs]) <= TIE).all())
        if not self.same:
            return theirs
        self.ties.taken = int((ours != theirs).sum())
        return ours

    def corners(self, theirs: Array) -> Array:
        """As `reference.Choices`."""
        if not self.same:
            return theirs
        ours = self._stages["corners"]
        cut = np.floor(ours)
        is_tied = (cut != np.floor(theirs)) & (np.abs(ours - theirs) <= SAME_BOX * PER_MILLE)
        is_tied[int(self._stages["taken"].sum()) :] = False  # that net does not see them
        self.ties.corners = int(is_tied.sum())
        # In float32 what is just below an integer may become that.
        below = np.nextafter((cut + 1).astype(np.float32), np.float32(0))
        return np.where(is_tied, np.minimum(ours, below), theirs)


def _encloses(box: Array, mask: Array) -> bool:
    """Whether the box is that of the mask's positive pixels, whatever is done with those near zero.

    Args:
        box: centre, width and height, 0 to 1.
        mask: [height, width].
    """
    spare = CHOICE_TIE * float(np.abs(mask).max())
    least, most = _edges(mask > spare), _edges(mask > -spare)
    size = np.tile(mask.shape[::-1], 2)
    ours = np.concatenate((box[:2] - box[2:] / 2, box[:2] + box[2:] / 2)) * size
    if least is None or most is None:
        return True  # nothing is surely positive
    return bool(
        (ours[:2] >= most[:2] - 0.5).all()
        and (ours[:2] <= least[:2] + 0.5).all()
        and (ours[2:] >= least[2:] - 0.5).all()
        and (ours[2:] <= most[2:] + 0.5).all()
    )


def _edges(mask: npt.NDArray[np.bool_]) -> Indices | None:
    """Left, top, right and bottom of what is set, in pixels; None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def match_regions(
    found: Mapping[str, Any],
    expected: Mapping[str, Array],
    thresholds: Sequence[float],
    choices: TiedChoices,
) -> RegionMatch:
    """Compare the regions of scores from their class's threshold on.

    Args:
        found: what `LayoutModel.run(page)` gave, with "page_size".
        expected: the reference's stages.
        thresholds: one for each class.
        choices: with which the reference computed them; its ties are completed.
    """
    scores = sigmoid(expected["logits"])
    last = np.sort(scores, None)[-len(scores)]  # of as many as there are queries
    least = np.asarray(thresholds)
    theirs = {(int(q), int(c)) for q, c in np.argwhere(scores >= np.maximum(least, last))}
    keep = found["scores"] >= least[found["labels"]]
    ours = [
        (int(q), int(c)) for q, c in zip(found["queries"][keep], found["labels"][keep], strict=True)
    ]

    def is_tied(region: tuple[int, int]) -> bool:
        return bool(abs(scores[region] - max(least[region[1]], last)) <= TIE)

    differing = theirs ^ set(ours)
    one_sided = {one for one in differing if not is_tied(one)}
    common = np.array([one in theirs for one in ours], dtype=bool)
    queries = found["queries"][keep][common]
    x, y, width, height = expected["boxes"][queries].astype(np.float64).T
    corners = np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)
    gaps = np.abs(found["boxes"][keep][common] - corners * np.tile(found["page_size"], 2))
    moved = gaps.max(axis=1, initial=0.0) > PIXELS
    before = votes(expected["order_logits"])[queries]
    gaps_of_votes = np.abs(before - np.sort(before))
    misplaced = gaps_of_votes > TIE * np.abs(before).max(initial=0.0)
    choices.ties.left_out = len(differing) - len(one_sided)
    choices.ties.places = int(((gaps_of_votes > 0) & ~misplaced).sum())
    return RegionMatch(
        n_regions=len(queries) + len(one_sided),
        n_same=int((~(moved | misplaced)).sum()),
        largest_gap=float(gaps.max(initial=0.0)),
        n_one_sided=len(one_sided),
        n_moved=int(moved.sum()),
        n_misplaced=int(misplaced.sum()),
        same_choices=choices.same,
        ties=choices.ties,
    )
