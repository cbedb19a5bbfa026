# SPDX-License-Identifier: Apache-2.0
"""Numbers of the blocks in the running text of their page (PaddleX `block_order`)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from ppocrvl.document.labels import WITHOUT_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.types import Block


def numbered(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks of a page with their order, from 1; None outside the running text."""
    numbers = count(1)
    return tuple(
        replace(block, order=None if block.label in WITHOUT_ORDER else next(numbers))
        for block in blocks
    )
