# SPDX-License-Identifier: Apache-2.0
"""The formats that a document can be written in, by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ppocrvl.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.document.document import Document
    from ppocrvl.document.writers.written import File, WriteOptions

    Write = Callable[[Document, WriteOptions], list[File]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what the user writes.
        title: what people call it.
        suffix: of its files' names; that of the first is the stem and this, where there is one
            file for a document.
        home: module and function that give the files; it is loaded when it is used.
        one_text: whether the document is one text, as standard output needs it.
        shows_pages: whether it shows the pages' images (`PageData.image`).
        needs: a module of a package that is not always installed; the extra has the format's name.
    """

    name: str
    title: str
    suffix: str
    home: str
    one_text: bool = True
    shows_pages: bool = False
    needs: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or find_spec(self.needs) is not None

    def files(self, document: Document, options: WriteOptions) -> list[File]:
        """The files of a document in this format; none of what it has nothing for."""
        module, _, function = self.home.partition(":")
        write: Write = getattr(import_module(f"ppocrvl.document.writers.{module}"), function)
        return write(document, options)


FORMATS = {
    one.name: one
    for one in (
        Format("md", "Markdown", ".md", "markdown:markdown_files"),
        Format("json", "JSON", ".json", "json_file:json_files"),
        Format("html", "HTML, beside the pages", ".html", "html:html_files", shows_pages=True),
        Format("txt", "Text", ".txt", "text:text_files"),
        Format("docx", "Word", ".docx", "docx:docx_files", one_text=False, needs="docx"),
        Format(
            "pdf",
            "Searchable PDF",
            ".pdf",
            "pdf:pdf_files",
            one_text=False,
            shows_pages=True,
            needs="pikepdf",
        ),
        Format("hocr", "hOCR", ".hocr", "hocr:hocr_files", shows_pages=True),
        Format("alto", "ALTO XML", ".xml", "alto:alto_files", shows_pages=True),
        Format("csv", "Tables as CSV", ".csv", "tables_csv:csv_files", one_text=False),
        Format(
            "paddlex-json", "JSON of PaddleX", "_res.json", "paddlex:paddlex_files", one_text=False
        ),
        Format(
            "drawing",
            "Pages with their regions drawn",
            "-blocks.jpg",
            "drawings:drawing_files",
            one_text=False,
            shows_pages=True,
        ),
    )
}
"""By name, in the order in which they are shown to users."""


def format_named(name: str) -> Format:
    """The format of this name, once all is there that it needs.

    Raises:
        OptionError: there is none.
        MissingExtraError: a package is not installed.
    """
    if name not in FORMATS:
        raise OptionError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    found = FORMATS[name]
    if not found.is_there:
        raise MissingExtraError(
            f'the format {name} needs {found.needs}; install it with: pip install "ppocrvl[{name}]"'
        )
    return found
