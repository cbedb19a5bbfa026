# SPDX-License-Identifier: Apache-2.0
"""What only a whole document can tell: tables, headings and paragraphs over its pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppocrvl.parsing.page_order import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import PageData


def finish_document(pages: Sequence[PageData]) -> list[PageData]:
    """The pages with what follows from all of them together; nothing is lost or moved."""
    return [replace(page, blocks=numbered(page.blocks)) for page in pages]
