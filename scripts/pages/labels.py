# SPDX-License-Identifier: Apache-2.0
"""The labels of PP-DocLayoutV3 by id, the place in the exporter's list, and those never trained."""

from __future__ import annotations

from ppocrvl.exporter.layout.official import LABELS

__all__ = ["ID", "LABELS", "UNTRAINED"]

ID = {label: i for i, label in enumerate(LABELS)}

# Painted and told, but not trained: formulas inside a line are a few pixels wide at the size that a
# small model sees, and a whole bibliography is dropped by the official filters anyway.
UNTRAINED = frozenset({"inline_formula", "reference"})
