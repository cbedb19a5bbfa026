# SPDX-License-Identifier: Apache-2.0
"""A PDF as a source of pages."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.errors import (
    DocumentDamagedError,
    DocumentEmptyError,
    DocumentEncryptedError,
    DocumentError,
    DocumentNotFoundError,
    DocumentTooLargeError,
    PageError,
)
from ppocrvl.images.memory import memory_wanted
from ppocrvl.parsing.sources.document_limits import (
    MAX_CHARACTERS,
    MAX_PAGE_PIXELS,
    MAX_PAGES,
    PDF_MEMORY,
    PDF_SECONDS,
)
from ppocrvl.parsing.sources.page_size import page_size
from ppocrvl.parsing.sources.pdf_process import PdfProcess, ProcessEnded, reason_of
from ppocrvl.parsing.sources.source import Character, DocumentSource, RenderedPage
from ppocrvl.parsing.sources.user_space import to_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_UNMAPPED, _GENERATED = 1, 2
PAGES_A_PROCESS = 64
"""PDFium keeps what it has read of each page, so after so many pages another process goes on."""


class PdfSource(DocumentSource):
    """A PDF.

    Its process is started when it is opened, and again after it ended with a page that it did not
    survive, or has rendered many.
    """

    def __init__(
        self,
        name: str,
        *,
        path: str | None = None,
        data: bytes | None = None,
        dpi: float,
        password: str | None = None,
        max_pixels: int = MAX_PAGE_PIXELS,
        memory: int = PDF_MEMORY,
        seconds: int = PDF_SECONDS,
    ) -> None:
        """Open a PDF that lies at `path`, or is `data`.

        Args:
            name: what to call it.
            path: of the file.
            data: its bytes.
            dpi: pixels per inch of rendered pages.
            password: to open it with.
            max_pixels: of a rendered page; a larger one is rendered at fewer pixels per inch.
            memory: bytes of address space for PDFium.
            seconds: of processor time for PDFium, for opening and for each page.

        Raises:
            DocumentError: it cannot be opened.
            EngineError: no process can be started.
        """
        self.name = name
        self._dpi = dpi
        self._max_pixels = max_pixels
        self._how: dict[str, Any] = {
            "path": path,
            "data": data,
            "password": password,
            "memory": memory,
            "seconds": seconds,
        }
        self._lock = threading.Lock()
        self._closed = False
        self._process: PdfProcess | None = None
        self._sizes: tuple[tuple[float, float], ...] | None = None
        self._n_pages = self._n_rendered = 0
        with self._lock:
            self._start()

    @property
    def n_pages(self) -> int:
        """Number of pages that the PDF declares."""
        return self._n_pages

    @property
    def page_sizes(self) -> tuple[tuple[float, float], ...]:
        """(width, height) of each page as shown, in points; (0, 0) for one that cannot be read."""
        if self._sizes is None:
            sizes = np.empty((self._n_pages, 2), np.float32)
            with self._asking(f"the list of pages of {self.name}") as process:
                process.ask(ask="sizes")
                process.read_into(sizes)
            sizes[~np.isfinite(sizes).all(axis=1)] = 0
            self._sizes = tuple((float(width), float(height)) for width, height in sizes)
        return self._sizes

    def render(self, index: int) -> RenderedPage:
        """A page's pixels."""
        where = self._page(index)
        with self._asking(where) as process, memory_wanted(f"to render {where}"):
            width, height = self._size_of(process, index, where)
            self._n_rendered += 1
            size = page_size(width, height, self._dpi, self._max_pixels)
            pixels = np.empty((size.height, size.width, 3), np.uint8)
            answer = process.ask(ask="render", page=index, width=size.width, height=size.height)
            self._check(answer, where)
            process.read_into(pixels)
            return RenderedPage(
                index=index,
                pixels=pixels,
                dpi=size.dpi,
                rotation=_quarter_turns(answer) * 90,
                width_points=width,
                height_points=height,
                notes=() if size.note is None else (size.note,),
            )

    def text_layer(self, index: int) -> tuple[Character, ...]:
        """The text that the page holds as text."""
        where = self._page(index)
        with self._asking(where) as process:
            size = self._size_of(process, index, where)
            answer = process.ask(ask="text", page=index, most=MAX_CHARACTERS)
            if answer.get("refused") == "text":
                return ()
            self._check(answer, where)
            n = min(max(0, int(answer["n"])), MAX_CHARACTERS)
            what, boxes = np.empty((n, 2), np.uint32), np.empty((n, 4), np.float32)
            process.read_into(what)
            process.read_into(boxes)
        shown = page_size(*size, self._dpi, self._max_pixels)
        places = to_pixels(
            boxes, tuple(answer["box"]), _quarter_turns(answer), (shown.width, shown.height)
        )
        return tuple(
            _character(code, flags, box)
            for (code, flags), box in zip(what.tolist(), places.tolist(), strict=True)
        )

    def close(self) -> None:
        """Let go of the file. What is being rendered ends with a `DocumentError`."""
        self._closed = True
        process = self._process
        if process is not None:
            process.close()

    def _page(self, index: int) -> str:
        """What to call a page.

        Raises:
            PageError: there is none.
        """
        if not 0 <= index < self._n_pages:
            raise PageError(f"{self.name}: there is no page {index + 1} of {self._n_pages}")
        return f"page {index + 1} of {self.name}"

    @contextmanager
    def _asking(self, where: str) -> Iterator[PdfProcess]:
        """The process, for questions about a page; it is thrown away if it does not survive them.

        Raises:
            PageError: it ended.
            DocumentError: the source is closed, or cannot be opened a second time.
        """
        with self._lock:
            if self._process is not None and self._n_rendered >= PAGES_A_PROCESS:
                self._drop(self._process)
            process = self._process or self._start()
            try:
                yield process
            except PageError:
                raise
            except (ProcessEnded, KeyError, TypeError, ValueError) as error:
                # the others: answers that are none, of a process that the PDF has broken
                self._drop(process)
                if self._closed:
                    raise _closed(self.name) from None
                raise PageError(f"{where} cannot be rendered: {reason_of(error)}") from None
            except BaseException:  # an answer may lie unread
                self._drop(process)
                raise

    def _start(self) -> PdfProcess:
        """Start the process, and learn how many pages there are."""
        if self._closed:
            raise _closed(self.name)
        process = PdfProcess(**self._how)
        self._process, self._n_rendered = process, 0
        try:
            self._n_pages = _pages(process.line(), self.name)
        except (ProcessEnded, KeyError, TypeError) as error:
            self._drop(process)
            raise DocumentDamagedError(
                f"{self.name} cannot be opened: {reason_of(error)}; make or fetch it again"
            ) from None
        except BaseException:
            self._drop(process)
            raise
        return process

    def _drop(self, process: PdfProcess) -> None:
        self._process = None
        process.close()

    def _size_of(self, process: PdfProcess, index: int, where: str) -> tuple[float, float]:
        answer = process.ask(ask="size", page=index)
        self._check(answer, where)
        width, height = (float(side) for side in answer["size"])
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise PageError(f"{where} has no size ({width:g} x {height:g} points)")
        return width, height

    def _check(self, answer: dict[str, Any], where: str) -> None:
        refused = answer.get("refused")
        if refused == "memory":
            raise PageError(f"{where} cannot be rendered: it needs too much memory")
        if refused is not None:
            raise PageError(f"{where} is missing or damaged in the file")


def _pages(answer: dict[str, Any], name: str) -> int:
    """The number of pages in the answer to the opening.

    Raises:
        DocumentError: it says why there are none.
    """
    refused = answer.get("refused")
    if refused == "password":
        raise DocumentEncryptedError(
            f"{name} is encrypted; give its password, the right one, with --password"
        )
    if refused == "security":
        raise DocumentEncryptedError(
            f"{name} is encrypted in a way that PDFium does not know; save it without encryption"
        )
    if refused == "file":
        raise DocumentNotFoundError(f"{name} cannot be read any more")
    if refused is not None:
        raise DocumentDamagedError(f"{name} is no PDF, or a damaged one; make or fetch it again")
    n_pages = int(answer["pages"])
    if n_pages < 1:
        raise DocumentEmptyError(f"{name} has no pages")
    if n_pages > MAX_PAGES:
        raise DocumentTooLargeError(
            f"{name} declares {n_pages:,} pages, over the limit of {MAX_PAGES:,}; split it first"
        )
    return n_pages


def _closed(name: str) -> DocumentError:
    return DocumentError(f"{name} is closed; open it again")


def _quarter_turns(answer: dict[str, Any]) -> int:
    return int(answer["rotation"]) % 4


def _character(code: int, flags: int, box: list[float]) -> Character:
    known = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    x0, y0, x1, y1 = box
    return Character(
        text=chr(code) if known else _UNKNOWN,
        box=(x0, y0, x1, y1),
        mapped=known and not flags & _UNMAPPED,
        generated=bool(flags & _GENERATED),
    )
