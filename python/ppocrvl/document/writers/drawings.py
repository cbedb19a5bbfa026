# SPDX-License-Identifier: Apache-2.0
"""Each page as a picture with its blocks drawn on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.document.draw import drawn_page
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.writers.written import WriteOptions


def drawing_files(document: Document, options: WriteOptions) -> list[File]:
    """`<stem>-page-1-blocks.jpg` and so on, of pages that have an image."""
    return [
        File(
            f"{options.stem}-page-{page.index + 1}-blocks.jpg",
            drawn_page(page.image.data, (page.width, page.height), page.blocks),
        )
        for page in document.pages
        if page.image is not None
    ]
