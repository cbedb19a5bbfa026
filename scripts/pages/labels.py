# SPDX-License-Identifier: Apache-2.0
"""The 25 labels of PP-DocLayoutV3, in the order of its inference.yml: a label's place is its id."""

from __future__ import annotations

LABELS = (
    "abstract",
    "algorithm",
    "aside_text",
    "chart",
    "content",
    "display_formula",
    "doc_title",
    "figure_title",
    "footer",
    "footer_image",
    "footnote",
    "formula_number",
    "header",
    "header_image",
    "image",
    "inline_formula",
    "number",
    "paragraph_title",
    "reference",
    "reference_content",
    "seal",
    "table",
    "text",
    "vertical_text",
    "vision_footnote",
)
ID = {label: i for i, label in enumerate(LABELS)}

# Painted and told, but not trained: formulas inside a line are a few pixels wide at the size that a
# small model sees, and a whole bibliography is dropped by the official filters anyway.
UNTRAINED = frozenset({"inline_formula", "reference"})
