# SPDX-License-Identifier: Apache-2.0
"""How well a model reads pictures whose text is known.

`dataset` finds pictures and truths, `metrics` compares two texts, `evaluate` reads and sums up,
`report` prints.
"""

from ppocrvl.evaluate.dataset import Item, read_dataset
from ppocrvl.evaluate.evaluate import Evaluation, Reading, Summary, evaluate

__all__ = ["Evaluation", "Item", "Reading", "Summary", "evaluate", "read_dataset"]
