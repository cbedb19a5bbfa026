# SPDX-License-Identifier: Apache-2.0
"""What the classes of regions mean in a document, as PaddleX 3.7.2's pipeline has it."""

from __future__ import annotations

LEFT_OUT_OF_MARKDOWN = frozenset(
    (
        "number",
        "footnote",
        "header",
        "header_image",
        "footer",
        "footer_image",
        "aside_text",
    )
)
"""Labels that Markdown leaves out unless it is asked for them (`markdown_ignore_labels`)."""

WITHOUT_ORDER = LEFT_OUT_OF_MARKDOWN | {
    "figure_title",
    "vision_footnote",
    "image",
    "chart",
    "table",
}
"""Labels outside the running text, whose blocks get no number (`SKIP_ORDER_LABELS`)."""
