# SPDX-License-Identifier: Apache-2.0
"""What PaddleX 3.7.2 calls the content of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.markup.dollars import with_dollars

if TYPE_CHECKING:
    from ppocrvl.document.types import Block


def official_content(block: Block) -> str:
    """Text with dollar signs around formulas, HTML of a table, or the lines of a chart."""
    if block.label == "table":
        return with_dollars(block.html if block.html is not None else block.text)
    if block.latex is not None:
        return with_dollars(f"\\[ {block.latex} \\]") if block.latex else ""
    return with_dollars(block.text)
