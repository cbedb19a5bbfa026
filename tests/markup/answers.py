# SPDX-License-Identifier: Apache-2.0
"""Answers with a given text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ppocrvl.requests.results import Result, Timings

if TYPE_CHECKING:
    from collections.abc import Sequence


def result(text: str, task: str = "ocr", chances: Sequence[tuple[int, float]] = ()) -> Result:
    """An answer; `chances` are the ends of tokens and their probabilities."""
    return Result(
        text=text,
        finish_reason="stop",
        confidence=0.9,
        task=task,
        image_size=(1, 1),
        resized=(28, 28),
        timings=Timings(0, 0, 0, 0, 0, 0, 0, 0, 0),
        token_ids=(),
        logprobs=tuple(math.log(chance) for _, chance in chances),
        token_ends=tuple(end for end, _ in chances),
    )
