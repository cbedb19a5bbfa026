# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr` reads a picture as one block; who gives it pages is told of `parse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.cli.messages import note
from ppocrvl.errors import PpocrvlError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ppocrvl.cli.asked import Asked

_LOOKED_AT = 4
"""The first pictures stand for all: looking decodes a large one a second time."""


def hint_at_parse(asked: Iterable[Asked]) -> None:
    """Says so in a line if a picture is plainly a page. What cannot be read is for others to say.

    Args:
        asked: the first pictures.
    """
    for one in list(asked)[:_LOOKED_AT]:
        if isinstance(one.item, str) and _is_page(Path(one.item)):
            note(
                f"{one.name} looks like a whole page; ocr reads it as one block, "
                "`ppocrvl parse` finds its blocks and their order"
            )
            return


def _is_page(path: Path) -> bool:
    from ppocrvl.images.frames import Frames
    from ppocrvl.images.whole_page import is_whole_page, may_be_page

    try:
        if not path.is_file():  # a pipe gives its bytes only once
            return False
        with Frames(path) as frames:
            width, height, _ = frames.size(0)
            return may_be_page(width, height) and is_whole_page(frames.load(0)[0])
    except (PpocrvlError, OSError, ValueError):
        return False
