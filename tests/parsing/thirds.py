# SPDX-License-Identifier: Apache-2.0
"""A layout that needs no model: a page is cut into three, from top to bottom."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from ppocrvl.layout.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt


class Thirds:
    """The regions are headings, of which none are merged."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        height, width = image.shape[:2]
        edges = [height * third // 3 for third in range(4)]
        return [
            Region.of_box("paragraph_title", 1.0, (0, top, width, bottom), order)
            for order, (top, bottom) in enumerate(pairwise(edges))
        ]


@contextmanager
def open_thirds(*_: object) -> Iterator[Thirds]:
    yield Thirds()
