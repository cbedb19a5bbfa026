# SPDX-License-Identifier: Apache-2.0
"""Several documents as one: the pages of a folder of scans, for example."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from ppocrvl.errors import DocumentEmptyError, DocumentTooLargeError, PageError
from ppocrvl.parsing.sources.document_limits import MAX_PAGES
from ppocrvl.parsing.sources.source import DocumentSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ppocrvl.parsing.sources.source import Character, RenderedPage


class JoinedSource(DocumentSource):
    """The pages of several documents, one after another; one of them is open at a time."""

    def __init__(self, name: str, parts: Sequence[Callable[[], DocumentSource]]) -> None:
        """Open each once, to count its pages.

        Args:
            name: what to call the whole.
            parts: functions that open one document each, as often as they are called.

        Raises:
            DocumentError: there are none, or one cannot be opened, or there are too many pages.
            ImageError: one cannot be opened.
        """
        self.name = name
        self._parts = parts
        self._lock = threading.Lock()
        self._open: tuple[int, DocumentSource] | None = None
        counts = []
        for number in range(len(parts)):
            counts.append(self._part(number).n_pages)
            if sum(counts) > MAX_PAGES:
                self.close()
                raise DocumentTooLargeError(
                    f"{name} has over {MAX_PAGES:,} pages, which is the limit; parse it in parts"
                )
        self._starts = [0, *accumulate(counts)]
        if not self._starts[-1]:
            raise DocumentEmptyError(f"{name} holds no document")

    @property
    def n_pages(self) -> int:
        """Pages of all."""
        return self._starts[-1]

    @property
    def page_sizes(self) -> tuple[tuple[float, float], ...]:
        """(width, height) of each page as shown, in points; (0, 0) for one that cannot be read."""
        with self._lock:
            parts = [self._part(number).page_sizes for number in range(len(self._parts))]
        return tuple(size for sizes in parts for size in sizes)

    def render(self, index: int) -> RenderedPage:
        """A page's pixels."""
        with self._lock:
            part, inside = self._find(index)
            return replace(part.render(inside), index=index)

    def text_layer(self, index: int) -> tuple[Character, ...]:
        """The text that the page holds as text."""
        with self._lock:
            part, inside = self._find(index)
            return part.text_layer(inside)

    def close(self) -> None:
        """Let go of the one that is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _find(self, index: int) -> tuple[DocumentSource, int]:
        if not 0 <= index < self.n_pages:
            raise PageError(f"{self.name}: there is no page {index + 1} of {self.n_pages}")
        number = bisect_right(self._starts, index) - 1
        return self._part(number), index - self._starts[number]

    def _part(self, number: int) -> DocumentSource:
        if self._open is None or self._open[0] != number:
            self.close()
            self._open = number, self._parts[number]()
        return self._open[1]
