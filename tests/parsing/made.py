# SPDX-License-Identifier: Apache-2.0
"""Regions and answers for tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ppocrvl.document.types import Block
from ppocrvl.layout.region import Region
from ppocrvl.requests.results import FinishReason, Result, Timings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Box


def region(label: str, box: Box, order: int = 0) -> Region:
    """A region that is a rectangle."""
    return Region.of_box(label, 0.9, box, order)


def result(
    text: str, chances: Sequence[float] = (0.9,), finish_reason: FinishReason = "stop"
) -> Result:
    """An answer with tokens of these probabilities."""
    return Result(
        text=text,
        finish_reason=finish_reason,
        confidence=sum(chances) / len(chances),
        task="ocr",
        image_size=(10, 10),
        resized=(28, 28),
        timings=Timings(0, 0, 0, 0, 0, 0, 1, 1, len(chances)),
        token_ids=tuple(range(len(chances))),
        logprobs=tuple(math.log(chance) for chance in chances),
        token_ends=tuple(len(text.encode()) for _ in chances),
    )


def block(label: str, box: Box = (0, 0, 100, 20), text: str = "", **values: Any) -> Block:
    """A block that was read; a table's text is its HTML."""
    points = tuple(map(float, box))
    html = text if label == "table" and text else None
    values = {"index": 0, "box_points": points, "polygon": (), "html": html, **values}
    return Block(label=label, box=box, text=text, **values)
