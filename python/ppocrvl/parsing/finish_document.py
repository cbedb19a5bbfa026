# SPDX-License-Identifier: Apache-2.0
"""What only a whole document can tell: tables, headings and paragraphs over its pages."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from ppocrvl.parsing.heading_levels import with_levels
from ppocrvl.parsing.page_order import numbered
from ppocrvl.parsing.page_tables import joined_tables
from ppocrvl.parsing.paragraphs import with_joins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ppocrvl.document.types import Block, PageData


def finish_document(
    pages: Sequence[PageData], *, tables: bool = True, levels: bool = True
) -> list[PageData]:
    """The pages with what follows from all of them together.

    Tables that go on on the next page are put together, headings get their levels, blocks their
    numbers, and what goes on a paragraph says so. Pages and blocks stay in their places. Page
    ranges leave gaps, and pages fail: nothing is joined over such a gap.

    Args:
        pages: in the order of the document.
        tables: put them together.
        levels: find those of headings.
    """
    runs = (_joined([page.blocks for page in run], tables=tables) for run in _unbroken(pages))
    blocks = list(chain.from_iterable(runs))
    if levels:
        blocks = with_levels(blocks)
    return [replace(page, blocks=numbered(own)) for page, own in zip(pages, blocks, strict=True)]


def _joined(pages: Sequence[Sequence[Block]], *, tables: bool) -> list[list[Block]]:
    return with_joins(joined_tables(pages) if tables else pages)


def _unbroken(pages: Iterable[PageData]) -> list[list[PageData]]:
    """Runs of pages that follow each other and were read."""
    runs: list[list[PageData]] = []
    last: PageData | None = None
    for page in pages:
        if last is None or page.index != last.index + 1 or page.error or last.error:
            runs.append([])
        runs[-1].append(page)
        last = page
    return runs
