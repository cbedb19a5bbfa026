# SPDX-License-Identifier: Apache-2.0
"""Documents as files in a folder, each written when all of its pages are there."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, TypedDict

from ppocrvl.document.picture_store import PictureStore
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ppocrvl.document.document import Document
    from ppocrvl.document.types import PageData
    from ppocrvl.document.writers.formats import Format
    from ppocrvl.document.writers.written import Figures, Style


class Ways(TypedDict):
    """How Markdown is written, as `WriteOptions` has it."""

    figures: Figures
    style: Style


class DocumentFolder(Closing):
    """Writes documents into a folder. Until then their pictures are in a file without a name.

    Args:
        folder: there already.
        formats: in which each is written.
        ways: of Markdown.

    Raises:
        OutputError: pictures cannot be kept there.
    """

    def __init__(self, folder: Path, formats: Sequence[Format], ways: Ways) -> None:
        self._folder = folder
        self._ways = ways
        self._names = [form.name for form in formats]
        self._pictures = PictureStore(folder)

    def keep(self, page: PageData) -> PageData:
        """The page of the next document, with its pictures on the disk.

        Raises:
            OutputError: they cannot be written.
        """
        return self._pictures.moved(page)

    def write(self, stem: str, document: Document) -> list[str]:
        """Write a document, and forget what was kept.

        Returns:
            The files but for images.

        Raises:
            OutputError: a file cannot be written.
        """
        files = document.save(self._folder, self._names, stem=stem, **self._ways)
        self._pictures.clear()
        return [str(file) for file in files if file.parent == self._folder]

    def close(self) -> None:
        """Let go of what is kept. A second time does nothing."""
        self._pictures.close()


def remove_leftovers(folder: Path, stem: str) -> None:
    """Removes files of a document that a run which was killed did not rename.

    Args:
        folder: of the document's files; nobody else writes this document there now.
        stem: of their names.
    """
    for inside in (folder, folder / f"{stem}_images"):
        name = re.escape(stem) + "[._-].+" if inside == folder else "page-.+"
        pattern = re.compile(rf"\.{name}\.[0-9a-f]{{8}}\.part")
        with contextlib.suppress(OSError):
            for path in inside.iterdir():
                if pattern.fullmatch(path.name):
                    path.unlink()
