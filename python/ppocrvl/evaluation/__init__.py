# SPDX-License-Identifier: Apache-2.0
"""How well a model reads pictures whose text is known.

`dataset` finds pictures and truths, `metrics` compares two texts, `evaluate` reads and sums up,
`agreement` compares predictions with a reference model's, `report` prints, `comparison` puts
several reports side by side.
"""

from ppocrvl.evaluate.agreement import Agreement, agreement
from ppocrvl.evaluate.dataset import Item, read_dataset
from ppocrvl.evaluate.evaluate import Evaluation, Reading, Summary, evaluate

__all__ = [
    "Agreement",
    "Evaluation",
    "Item",
    "Reading",
    "Summary",
    "agreement",
    "evaluate",
    "read_dataset",
]
