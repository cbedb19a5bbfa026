# SPDX-License-Identifier: Apache-2.0
"""How well a model reads images whose text is known.

`dataset` finds images and truths, `metrics` compares two texts, `evaluate` reads and sums up,
`agreement` compares predictions with a reference model's, `report` prints, `comparison` puts
several reports side by side.
"""

from ppocrvl.evaluation.agreement import Agreement, agreement
from ppocrvl.evaluation.dataset import Item, read_dataset
from ppocrvl.evaluation.run import EvaluatedItem, Evaluation, Summary, evaluate

__all__ = [
    "Agreement",
    "EvaluatedItem",
    "Evaluation",
    "Item",
    "Summary",
    "agreement",
    "evaluate",
    "read_dataset",
]
