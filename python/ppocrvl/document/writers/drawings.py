# SPDX-License-Identifier: Apache-2.0
"""Each page as a picture with its blocks drawn on it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ppocrvl.document.draw import drawn_page
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.document.document import Document
    from ppocrvl.document.types import Block, Picture
    from ppocrvl.document.writers.written import WriteOptions


def drawing_files(document: Document, options: WriteOptions) -> list[File]:
    """`<stem>-page-1-blocks.jpg` and so on, of pages that have an image."""
    return [
        File(
            f"{options.stem}-page-{page.index + 1}-blocks.jpg",
            partial(_drawn, page.image, (page.width, page.height), page.blocks),
        )
        for page in document.pages
        if page.image is not None
    ]


def _drawn(image: Picture, size: tuple[int, int], blocks: Sequence[Block]) -> list[bytes]:
    return [drawn_page(image.data, size, blocks)]
