# SPDX-License-Identifier: Apache-2.0
"""Classes of line heights: the best division of numbers into few groups.

PaddleX 3.7.2 takes scikit-learn's k-means, which starts at random and may end in a poorer division.
In one dimension the best one can be computed: groups are runs of the sorted numbers (Wang and Song,
"Ckmeans.1d.dp", The R Journal 3/2, 2011).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def height_classes(heights: Iterable[int], n_classes: int) -> dict[int, int]:
    """The class of each height, 1 for the largest.

    The sum of squared distances to the means of the classes is least; of equal divisions the one
    with the larger first classes of small heights is taken.

    Args:
        heights: in pixels, as often as they occur.
        n_classes: at most so many classes.
    """
    counts = Counter(heights)
    values = sorted(counts)
    n_classes = min(n_classes, len(values))
    if n_classes == 0:
        return {}
    weights = [counts[value] for value in values]
    ends = _best_ends(values, weights, n_classes)
    classes, begin = {}, 0
    for number, end in enumerate(ends):
        classes.update(dict.fromkeys(values[begin:end], n_classes - number))
        begin = end
    return classes


def _best_ends(values: list[int], weights: list[int], n_groups: int) -> list[int]:
    """Where each group of the sorted values ends, in the division of the least cost."""
    cost = _Cost(values, weights)
    n = len(values)
    least = [cost.of(0, end) if end else 0.0 for end in range(n + 1)]
    begins: list[list[int]] = []
    for group in range(1, n_groups):
        best = [
            min((least[begin] + cost.of(begin, end), -begin) for begin in range(group, end))
            if end > group
            else (float("inf"), 0)
            for end in range(n + 1)
        ]
        least = [value for value, _ in best]
        begins.append([-begin for _, begin in best])
    ends = [n]
    for begin in reversed(begins):
        ends.append(begin[ends[-1]])
    return ends[::-1]


class _Cost:
    """Sum of the squared distances of a run of values to its mean."""

    def __init__(self, values: list[int], weights: list[int]) -> None:
        self._sums = [(0, 0, 0)]
        for value, weight in zip(values, weights, strict=True):
            count, total, squares = self._sums[-1]
            self._sums.append(
                (count + weight, total + weight * value, squares + weight * value * value)
            )

    def of(self, begin: int, end: int) -> float:
        """Of the values from `begin` to before `end`, at least one."""
        (count0, total0, squares0), (count1, total1, squares1) = self._sums[begin], self._sums[end]
        total = total1 - total0
        return squares1 - squares0 - total * total / (count1 - count0)
