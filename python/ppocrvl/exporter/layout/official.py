# SPDX-License-Identifier: Apache-2.0
"""What the official layout models' checkpoints leave to their pipeline: class names, thresholds."""

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
"""In the order of inference.yml; the hub's config.json has one name for several of them."""

# paddlex 3.7.2, configs/pipelines/PaddleOCR-VL-1.6.yaml and PaddleOCR-VL.yaml.
_V3_THRESHOLD = 0.3
_V2_THRESHOLD = 0.5
_V2_THRESHOLDS = {
    "display_formula": 0.4,
    "doc_title": 0.4,
    "inline_formula": 0.4,
    "paragraph_title": 0.4,
    "seal": 0.45,
    "text": 0.4,
    "vertical_text": 0.4,
}


def thresholds(version: int, labels: tuple[str, ...]) -> tuple[float, ...]:
    """The official pipeline's threshold for each class."""
    if version == 3:
        return (_V3_THRESHOLD,) * len(labels)
    return tuple(_V2_THRESHOLDS.get(label, _V2_THRESHOLD) for label in labels)
