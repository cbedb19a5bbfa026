# SPDX-License-Identifier: Apache-2.0
"""How the blocks of a document are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.requests.options import ReadOptions
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.document.types import Box

LineFinder: TypeAlias = "Callable[[npt.NDArray[np.uint8]], Sequence[Box]]"
"""Boxes of the lines of text in a picture, uint8 [height, width, 3], in its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOptions:
    """How blocks are read. The switches are the official pipeline's, with its defaults.

    Attributes:
        charts: read charts as tables (`use_chart_recognition`).
        seals: read seals (`use_seal_recognition`).
        images: read figures as text (`use_ocr_for_image_block`).
        merge: read blocks of text that belong together as one (`merge_layout_blocks`).
        max_lines: a block of more lines is read in strips of so many at most; 0 for no limit.
        tasks: what the model was trained for; of a block that needs another task, the picture is
            kept.
        find_lines: where lines are; None: blocks are not cut, and lines get no boxes.
        request: options of every request, besides its task.
    """

    charts: bool = False
    seals: bool = False
    images: bool = False
    merge: bool = True
    max_lines: int = 0
    tasks: frozenset[str] = frozenset(TASKS)
    find_lines: LineFinder | None = None
    request: ReadOptions = field(default_factory=ReadOptions)
