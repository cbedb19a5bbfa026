# SPDX-License-Identifier: Apache-2.0
"""Real English text: paragraphs of documentation, dictionaries and books of Debian packages.

``scripts/make_corpus.py`` makes the folder that ``TINY_CORPUS`` names: ``train.txt``,
``held-out.txt`` (of other packages) and ``code.txt``, one paragraph or line of code a line.
Without it, words are drawn at random from the word list.
"""

from __future__ import annotations

import bisect
import html.parser
import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tiny import text
from tiny.alphabet import folded, known

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

LEAST, MOST = 25, 1600  # characters of a paragraph
_BLOCKS = frozenset(
    (
        *("p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("blockquote", "figcaption", "caption", "title", "div"),
    )
)
_SILENT = frozenset(("script", "style", "svg", "math"))
_SPACES = re.compile(r"\s+")
_LETTERS = re.compile(r"[A-Za-z]")
_MARKUP = re.compile(r"\\f[BIRP]|\\-|\\\(..|\\&|[{}]")


class Lines:
    """The lines of a UTF-8 file; one is chosen in proportion to its length."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._ends = [m.end() for m in re.finditer(rb"\n", self._data)]

    def choose(self, rng: random.Random) -> str:
        """The line around a random byte."""
        at = bisect.bisect_right(self._ends, rng.randrange(len(self._data)))
        begin = self._ends[at - 1] if at else 0
        return self._data[begin : self._ends[at]].decode().rstrip("\n")


@cache
def _lines(name: str) -> Lines | None:
    folder = os.environ.get("TINY_CORPUS")
    path = Path(folder, name) if folder else None
    return Lines(path) if path is not None and path.exists() else None


def paragraph(rng: random.Random, *, held_out: bool = False) -> str:
    """A paragraph of at least ``LEAST`` characters of the alphabet."""
    lines = _lines("held-out.txt" if held_out else "train.txt")
    return lines.choose(rng) if lines else text.running(rng, rng.randint(LEAST, 400))


def code_line(rng: random.Random) -> str:
    """A line of a program or of a configuration, its indent as spaces."""
    lines = _lines("code.txt")
    return lines.choose(rng) if lines else text.code(rng)


def cleaned(said: str) -> str | None:
    """A paragraph as it is kept: folded, single spaces; None if it is no text we can print."""
    said = _SPACES.sub(" ", folded(unicodedata.normalize("NFC", said))).strip()
    if not len(said) >= LEAST or not known(said):
        return None
    if len(_LETTERS.findall(said)) < 0.6 * len(said):
        return None
    return said[: MOST if len(said) <= MOST else said.rfind(" ", 0, MOST)]


def of_text(content: str) -> Iterator[str]:
    """The paragraphs of a plain text: lines between empty ones."""
    for part in re.split(r"\n\s*\n|\n%\n|\n(?=\s+[*o-] )", content):
        yield part.replace("-\n", "-")


def of_manual(content: str) -> Iterator[str]:
    """The paragraphs of a manual page in roff: lines between requests."""
    words: list[str] = []
    for line in content.splitlines():
        if line.startswith((".B ", ".I ", ".BR ", ".IR ")):
            words.append(line.partition(" ")[2].replace('"', ""))
        elif line.startswith((".", "'")):
            yield " ".join(words)
            words = []
        else:
            words.append(line)
    yield " ".join(words)


def plain(manual: str) -> str:
    """A manual page's text without its marks of style."""
    return _MARKUP.sub(lambda m: "-" if m[0] == r"\-" else "", manual)


class Reader(html.parser.HTMLParser):
    """Collects the text of the blocks of a page, and the lines of its listings."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.code: list[str] = []
        self._words: list[str] = []
        self._silent = 0
        self._listing = 0

    def _end(self) -> None:
        if self._words:
            self.paragraphs.append("".join(self._words))
            self._words = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A block begins."""
        del attrs
        self._silent += tag in _SILENT
        self._listing += tag == "pre"
        if tag in _BLOCKS or tag == "pre":
            self._end()

    def handle_endtag(self, tag: str) -> None:
        """A block ends."""
        if tag == "pre" and self._listing:
            self.code.extend("".join(self._words).splitlines())
            self._words = []
        self._silent = max(0, self._silent - (tag in _SILENT))
        self._listing = max(0, self._listing - (tag == "pre"))
        if tag in _BLOCKS:
            self._end()

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._silent:
            self._words.append(data)
