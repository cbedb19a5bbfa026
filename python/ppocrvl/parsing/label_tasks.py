# SPDX-License-Identifier: Apache-2.0
"""What the model is asked about a region of a class, and whether its picture is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppocrvl.parsing.block_options import BlockOptions
    from ppocrvl.requests.tasks import TaskName

IMAGE_LABELS = frozenset(("image", "header_image", "footer_image"))
"""Figures (`IMAGE_LABELS` of PaddleX's paddleocr_vl/pipeline.py)."""
_OWN_TASK: dict[str, TaskName] = {
    "table": "table",
    "chart": "chart",
    "seal": "seal",
    "spotting": "spotting",
    "formula": "formula",
    "display_formula": "formula",
    "inline_formula": "formula",
}
"""Every other label is read as text, `formula_number` among them."""


def unread_labels(options: BlockOptions) -> frozenset[str]:
    """Labels that are not read."""
    unread = frozenset(label for label, task in _OWN_TASK.items() if task not in options.tasks)
    if not options.images:
        unread |= IMAGE_LABELS
    if not options.charts:
        unread |= {"chart"}
    return unread if options.seals else unread | {"seal"}


def task_for(label: str, options: BlockOptions) -> TaskName | None:
    """The task for a region of this label; None where it is not read."""
    return None if label in unread_labels(options) else _OWN_TASK.get(label, "ocr")


def keeps_picture(label: str, options: BlockOptions) -> bool:
    """Whether a block of this label shows its picture in a document."""
    return label in IMAGE_LABELS or label == "seal" or label in unread_labels(options)


def left_unmerged(options: BlockOptions) -> frozenset[str]:
    """Labels that are no part of the text that blocks are merged in."""
    return unread_labels(options) | {"table"}
