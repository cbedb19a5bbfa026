# SPDX-License-Identifier: Apache-2.0
"""A parsed document, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Self

from ppocrvl.document.read_values import read_document, read_page
from ppocrvl.document.types import PageData
from ppocrvl.document.values import document_values, page_values
from ppocrvl.document.writers.formats import format_named
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.errors import OptionError
from ppocrvl.support.output import PiecesFile, make_folder, write_files

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ppocrvl.document.types import Block
    from ppocrvl.document.writers.written import Figures, Style

DEFAULT_FORMATS = ("md",)
_MAX_STEM = 150
"""Bytes of a file's name that come from the document's: file systems take 255 in all."""
_MAX_GIVEN_STEM = _MAX_STEM + 16
"""With a number that tells it from others."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document.

    Attributes:
        name: path of the source, or its type if it has no path.
        n_pages: number of pages of the source, including those that were not requested.
        pages: the requested pages, in order.
    """

    name: str
    n_pages: int
    pages: tuple[Page, ...]

    @classmethod
    def of(cls, name: str, n_pages: int, pages: Iterable[PageData]) -> Self:
        """Make a document of pages as parsing returns them."""
        return cls(name, n_pages, tuple(Page.of(page) for page in pages))

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Make a document from the values of `to_dict`. Images whose bytes are missing are empty.

        Raises:
            DocumentError: the values are not those of a document.
        """
        return cls.of(*read_document(values))

    def __str__(self) -> str:
        return self.to_markdown()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of all pages."""
        return tuple(block for page in self.pages for block in page.blocks)

    @property
    def stem(self) -> str:
        """Stem of its file names: the document's name without folder and suffix."""
        return file_stem(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the bytes of images (docs/document.schema.json)."""
        return document_values(self)

    def to_json(self) -> str:
        """The values of `to_dict` as JSON text."""
        return self.to("json")

    def to_markdown(
        self,
        *,
        figures: Figures = "none",
        style: Style = "commonmark",
        leave_out: Iterable[str] | None = None,
    ) -> str:
        """Markdown.

        Args:
            figures: "embedded", "none", or "files" for links to the files that `save` would write.
            style: "commonmark", or "official" for the style of PaddleX 3.7.2.
            leave_out: labels of blocks that are left out; None: headers, footers, page numbers and
                text in the margin; with "official" also footnotes.
        """
        return self.to(
            "md", _options(stem=self.stem, figures=figures, style=style, leave_out=leave_out)
        )

    def to_text(self, *, leave_out: Iterable[str] | None = None) -> str:
        """Plain text."""
        return self.to("txt", _options(stem=self.stem, leave_out=leave_out))

    def to_html(self) -> str:
        """A self-contained HTML page that shows each page next to its text."""
        return self.to("html")

    def to(self, name: str, options: WriteOptions | None = None) -> str:
        """The document in a text format with a single file.

        Raises:
            OptionError: the format does not exist, or is not a single text.
        """
        one = format_named(name)
        if not one.one_text:
            raise OptionError(f"{name} is no single text; write it into a folder")
        return one.files(self, options or WriteOptions(stem=self.stem, figures="none"))[0].text

    def save(
        self,
        folder: str | os.PathLike[str],
        formats: Iterable[str] = DEFAULT_FORMATS,
        *,
        stem: str | None = None,
        figures: Figures = "files",
        style: Style = "commonmark",
        leave_out: Iterable[str] | None = None,
    ) -> list[Path]:
        """Write files into a folder, which is created if needed.

        Either all files are written or none: they get their names when all are complete.

        Args:
            folder: the output folder.
            formats: names of `ppocrvl.document.writers.formats.FORMATS`: "md", "json", "html",
                "txt", "docx", "pdf", "hocr", "alto", "csv", "paddlex-json", "drawing".
            stem: stem of the file names; None for that of the document.
            figures: "files" in a folder `<stem>_images`, "embedded" (only Markdown), or "none".
            style: style of Markdown, "commonmark" or "official".
            leave_out: labels of blocks that Markdown and text leave out; None as for `to_markdown`.

        Returns:
            The files, including those of figures.

        Raises:
            OptionError: a format does not exist.
            MissingExtraError: a format needs a package that is not installed.
            OutputError: a file cannot be written.
        """
        chosen = [format_named(name) for name in formats]
        options = _options(
            stem=self.stem if stem is None else _file_name(PurePath(stem).name, _MAX_GIVEN_STEM),
            figures=figures,
            style=style,
            leave_out=leave_out,
        )
        files = {
            Path(folder, file.name): file for one in chosen for file in one.files(self, options)
        }
        for parent in sorted({path.parent for path in files}):
            make_folder(parent)
        if files:
            write_files([PiecesFile(path, file.pieces) for path, file in files.items()])
        return list(files)


@dataclass(frozen=True, slots=True)
class Page(PageData):
    """A page of a document. It can also be converted separately."""

    @classmethod
    def of(cls, data: PageData) -> Self:
        """Make a page with these values."""
        if isinstance(data, cls):
            return data
        return cls(**{one.name: getattr(data, one.name) for one in fields(PageData)})

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Make a page from the values of `to_dict`, like `Document.from_dict`."""
        return cls.of(read_page(values))

    def __str__(self) -> str:
        return self.to_markdown()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, like one of the `pages` of a document."""
        return page_values(self)

    def to_markdown(self, *, figures: Figures = "none", style: Style = "commonmark") -> str:
        """Like `Document.to_markdown`."""
        return self._alone().to_markdown(figures=figures, style=style)

    def to_text(self) -> str:
        """Like `Document.to_text`."""
        return self._alone().to_text()

    def to_html(self) -> str:
        """Like `Document.to_html`."""
        return self._alone().to_html()

    def to_json(self) -> str:
        """Like `Document.to_json`, as a document of one page."""
        return self._alone().to_json()

    def _alone(self) -> Document:
        return Document(f"page {self.index + 1}", 1, (self,))


def file_stem(name: str) -> str:
    """What files of a document of this name are called: no folder, no suffix, never empty."""
    return _file_name(PurePath(name).stem)


def _file_name(text: str, most: int = _MAX_STEM) -> str:
    """The text as a part of a file's name, at most so many bytes."""
    stem = text.replace("\0", "").lstrip(".")
    short = stem.encode("utf-8", "surrogateescape")[:most].decode("utf-8", "ignore").strip()
    return short or "document"


def _options(*, leave_out: Iterable[str] | None = None, **options: Any) -> WriteOptions:  # noqa: ANN401
    """Checked.

    Raises:
        OptionError: a value is none of those that are known.
    """
    for name, known in (
        ("figures", ("files", "embedded", "none")),
        ("style", ("commonmark", "official")),
    ):
        if options.get(name, known[0]) not in known:
            raise OptionError(f"{name} must be one of {', '.join(known)}, not {options[name]!r}")
    made = WriteOptions(**options)
    return made if leave_out is None else replace(made, leave_out=frozenset(leave_out))
