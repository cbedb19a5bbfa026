# SPDX-License-Identifier: Apache-2.0
"""What a layout model says of a page, before any filter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candidates:
    """Regions that may be.

    Attributes:
        labels: class of each.
        scores: float32 [n], 0 to 1.
        boxes: float32 [n, 4]: x0, y0, x1, y1 in pixels of the page; may reach out of it.
        order: int64 [n]: places in reading order.
        masks: of each, uint8 [rows, columns] over the whole page; None where the model has none.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    order: NDArray[np.int64]
    masks: tuple[NDArray[np.uint8], ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Sequence[int] | NDArray[np.integer]) -> Candidates:
        """Some of them, by their indices, in that order."""
        indices = np.asarray(chosen, np.int64)
        return Candidates(
            tuple(self.labels[i] for i in indices),
            self.scores[indices],
            self.boxes[indices],
            self.order[indices],
            None if self.masks is None else tuple(self.masks[i] for i in indices),
        )

    def with_boxes(self, boxes: NDArray[np.float32]) -> Candidates:
        """The same with other boxes."""
        return replace(self, boxes=boxes)
