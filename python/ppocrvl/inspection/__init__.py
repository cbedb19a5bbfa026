# SPDX-License-Identifier: Apache-2.0
"""What a model is made of, what quantization would save, and what a run would need.

`model_files` reads headers (never weights), `components` is the tree, `quantizations` the sizes,
`run_memory` the estimate, `text` the table that `ppocrvl inspect` prints.
"""

from __future__ import annotations

from ppocrvl.inspection.components import Component
from ppocrvl.inspection.inspect import Inspection, inspect_model
from ppocrvl.inspection.model_files import ModelPart, Tensor
from ppocrvl.inspection.quantizations import Fallback, Quantization
from ppocrvl.inspection.run_memory import RunMemory

__all__ = [
    "Component",
    "Fallback",
    "Inspection",
    "ModelPart",
    "Quantization",
    "RunMemory",
    "Tensor",
    "inspect_model",
]
