# SPDX-License-Identifier: Apache-2.0
"""Reading a whole evaluation set at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ppocrvl

if TYPE_CHECKING:
    from ppocrvl.evaluation.dataset import Item

MAX_TOKENS = 400


def read_all(engine: ppocrvl.Engine, items: list[Item], max_tokens: int = MAX_TOKENS) -> list[str]:
    """The texts, in the order of the items; what fails is raised."""
    texts = [""] * len(items)
    for task in sorted({item.task for item in items}):
        places = [place for place, item in enumerate(items) if item.task == task]
        images = [items[place].image for place in places]
        outcomes = engine.ocr_many(images, task=task, max_tokens=max_tokens)
        for place, outcome in zip(places, outcomes, strict=True):
            if not isinstance(outcome, ppocrvl.Result):
                raise outcome
            texts[place] = outcome.text
    return texts
