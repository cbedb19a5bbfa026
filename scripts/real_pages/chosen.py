# SPDX-License-Identifier: Apache-2.0
"""Which pages are looked at, and which are shown in docs/layout.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Set:
    """Documents of one source.

    Attributes:
        name: what to call them.
        files: patterns in the folder of the source.
        most: pages of each document, spread evenly over it.
    """

    name: str
    files: tuple[str, ...]
    most: int

    def documents(self, folder: Path) -> list[Path]:
        """The files, by name.

        Raises:
            FileNotFoundError: a pattern finds none.
        """
        found: list[Path] = []
        for pattern in self.files:
            matches = sorted(folder.glob(pattern))
            if not matches:
                raise FileNotFoundError(f"{folder} has no {pattern}: fetch it again")
            found += matches
        return found

    def pages(self, n_pages: int) -> Iterator[int]:
        """Indices of the pages of a document that are looked at."""
        count = min(self.most, n_pages)
        yield from ((2 * i + 1) * n_pages // (2 * count) for i in range(count))


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that the document shows.

    Attributes:
        page: name of its picture: the document's stem and the page's number.
        about: what it is, who made it and under which licence.
        word: an honest word on what the model made of it.
    """

    page: str
    about: str
    word: str


_SCANS = (
    *("baiona.png", "c03-29.pdf", "cmyk.pdf", "epson.pdf", "francais.pdf", "graph.pdf", "kcs.pdf"),
    *("linn.png", "masks.pdf", "overlay.pdf", "skew.pdf", "typewriter.png"),
)
SETS = (
    Set("Bash manual", ("bash-doc/usr/share/doc/bash-doc/bashref.pdf",), 8),
    Set("gnuplot manual", ("gnuplot-doc/usr/share/doc/gnuplot/gnuplot.pdf",), 8),
    Set("PDFs of pypdf's tests", ("pypdf/*/resources/*.pdf",), 1),
    Set(
        "scans of OCRmyPDF's tests",
        tuple(f"ocrmypdf/*/tests/resources/{name}" for name in _SCANS),
        1,
    ),
)
SHOWN = (
    Shown(
        "bashref-86",
        "The Bash manual, page 86 of the file (Free Software Foundation, GFDL-1.3-or-later).",
        "Most terms and what they mean are apart; two of them are one region. "
        "Three terms are called headings, and one is read too early.",
    ),
    Shown(
        "pdflatex-outline-3",
        "A page set by LaTeX (of pypdf's tests, BSD-3-Clause).",
        "The paragraphs, the headings and the page number are right.",
    ),
    Shown(
        "SF424_page2-1",
        "A form (of pypdf's tests, a form of the United States' government, public domain).",
        "The form is one image. The lines in it are text or headings, read from top to bottom; "
        "empty fields are taken for text.",
    ),
    Shown(
        "c03-29-1",
        "Scan of a book (Adventures of Huckleberry Finn, 1884, public domain; "
        "of OCRmyPDF's tests).",
        "Drawing, caption and text are apart, but the heading is taken for two images "
        "in the wrong order, and specks of ink become regions of their own.",
    ),
    Shown(
        "typewriter-1",
        "Typewritten page (Ellywa, 2005, CC-BY-SA-3.0; of OCRmyPDF's tests).",
        "The heading, the list and the text are apart and in order; the last line of the list "
        "is a region of its own.",
    ),
)
