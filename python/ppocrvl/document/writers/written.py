# SPDX-License-Identifier: Apache-2.0
"""What a writer gets besides the document, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.document.labels import LEFT_OUT_OF_MARKDOWN
from ppocrvl.document.types import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ppocrvl.document.types import PageData

    Content: TypeAlias = str | bytes | Picture | Callable[[], Iterable[str | bytes]]

Figures: TypeAlias = Literal["files", "embedded", "none"]
Style: TypeAlias = Literal["commonmark", "official"]

FURNITURE = LEFT_OUT_OF_MARKDOWN - {"footnote"}
"""Labels that texts leave out: what stands on every page, or beside the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a document is written.

    Attributes:
        stem: of the files' names; those of figures are in the folder `<stem>_images`.
        figures: "files": beside the document; "embedded": within it, where the format can hold
            them; "none": left out.
        style: of Markdown; "official": as PaddleX 3.7.2 writes it, footnotes left out.
        leave_out: labels of blocks that Markdown and text leave out; None: the style's usual ones.
        pretty: of the official style: centre titles of figures, figures and tables with HTML.
        formula_numbers: of the official style: a number that follows a formula becomes its tag.
    """

    stem: str = "document"
    figures: Figures = "files"
    style: Style = "commonmark"
    leave_out: frozenset[str] | None = None
    pretty: bool = True
    formula_numbers: bool = False

    @property
    def labels_left_out(self) -> frozenset[str]:
        """The labels that count."""
        if self.leave_out is not None:
            return self.leave_out
        return LEFT_OUT_OF_MARKDOWN if self.style == "official" else FURNITURE

    @property
    def folder(self) -> str:
        """Of figures, beside the document."""
        return f"{self.stem}_images"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written.

    Attributes:
        name: relative to the folder of the document, with `/` for a folder in it.
        data: its text or bytes; a picture; or what gives them piece by piece when it is written,
            so that not all of it is in memory at once.
    """

    name: str
    data: Content

    def pieces(self) -> Iterator[bytes]:
        """Its bytes. A lone surrogate, as a path may have it, becomes the escape of JSON."""
        if isinstance(self.data, Picture):
            yield self.data.data
        elif isinstance(self.data, str | bytes):
            yield _encoded(self.data)
        else:
            yield from map(_encoded, self.data())

    @property
    def text(self) -> str:
        """All of it as text, which it must be."""
        return self.data if isinstance(self.data, str) else b"".join(self.pieces()).decode()


def _encoded(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace")


def picture_files(pages: Iterable[PageData], options: WriteOptions) -> list[File]:
    """The figures of the pages, where they are to be files."""
    if options.figures != "files":
        return []
    return [File(f"{options.folder}/{one.name}", one) for one in pictures_of(pages).values()]


def pictures_of(pages: Iterable[PageData]) -> dict[str, Picture]:
    """The pictures of all blocks by name."""
    return {one.name: one for page in pages for block in page.blocks for one in block.pictures}
