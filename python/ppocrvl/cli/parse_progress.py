# SPDX-License-Identifier: Apache-2.0
"""What `ppocrvl parse` says while it reads: a bar, what fails, a line for each document."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.cli.messages import counted, note
from ppocrvl.cli.writing import bar_size
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tqdm import tqdm

    from ppocrvl.document.types import PageData
    from ppocrvl.errors import PpocrvlError
    from ppocrvl.parsing.parts import NoDocument, PageRead

FailOn: TypeAlias = Literal["any", "all", "never"]
_CUT_SHORT = {
    "length": "cut off (--max-tokens)",
    "deadline": "cut off (--page-deadline)",
    "repetition": "stopped as a loop",
}


class Failures:
    """What failed so far, and the exit code that follows from it."""

    def __init__(self) -> None:
        self._first: PpocrvlError | None = None
        self._has_read = False

    def page(self, read: PageRead) -> None:
        """Takes note of a page. It was read if anything on it was, or there is nothing on it."""
        page = read.data
        blocks = [block for block in page.blocks if block.error is None]
        self._has_read |= page.error is None and (bool(blocks) or not page.blocks)
        if read.errors:
            self._first = self._first or read.errors[0]

    def document(self, failed: NoDocument) -> None:
        """Takes note of a document that cannot be opened."""
        self._first = self._first or failed.error

    def exit_code(self, fail_on: FailOn) -> int:
        """That of the first failure, if it counts as one."""
        counts = {"any": True, "all": not self._has_read, "never": False}[fail_on]
        return ExitCode.OK if self._first is None or not counts else self._first.exit_code


class Progress:
    """A bar of pages on a terminal, and lines on stderr.

    Args:
        names: of the documents.
        shows_bar: where there is a terminal; not where results are written to it as well.
    """

    def __init__(self, names: Sequence[str], *, shows_bar: bool) -> None:
        self._names = names
        self._shows_bar = shows_bar and sys.stderr.isatty()
        self._bar: tqdm | None = None
        self._count = _Count(perf_counter)

    def page(self, read: PageRead) -> None:
        """Says what failed on a page, and moves the bar."""
        name, page = self._names[read.job.document], read.data
        where = f"{name}, page {page.index + 1}"
        if page.error is not None:
            self._say(f"{where}: failed: {page.error}")
        for block in page.blocks:
            at = f"{where}, block {block.index + 1} ({block.label})"
            if block.error is not None:
                self._say(f"{at}: failed: {block.error}")
            elif (how := _CUT_SHORT.get(block.finish_reason)) is not None:
                self._say(f"{at}: {how}")
        self._count.add(page)
        if self._shows_bar:
            self._move(name, read.job.n_pages)

    def end(self, document: int, written: Sequence[str] = ()) -> None:
        """Sums a document up."""
        self.close()
        files = f"; {', '.join(written)}" if written else ""
        self._say(f"{self._names[document]}: {self._count.summary()}{files}")
        self._count = _Count(perf_counter)

    def refused(self, failed: NoDocument) -> None:
        """Says why a document cannot be opened."""
        name, message = self._names[failed.document], " ".join(str(failed.error).split())
        self._say(f"error: {message if name in message else f'{name}: {message}'}")

    def close(self) -> None:
        """Takes the bar away."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        note(text)

    def _move(self, name: str, n_pages: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                desc=name,
                total=n_pages,
                bar_format="{desc}: {n_fmt}/{total_fmt} {bar} {postfix}, {remaining} left",
                **bar_size(),
            )
        failed, speed = self._count.n_with_failure, self._count.pages_a_minute()
        self._bar.set_postfix_str(f"{failed} failed, {speed:.1f} pages/min", refresh=False)
        self._bar.update(1)


class _Count:
    """Of the pages of one document.

    Args:
        clock: gives seconds.

    Attributes:
        n_with_failure: pages on which anything failed.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._n_pages = self._n_blocks = 0
        self._n_failed_pages = self._n_failed_blocks = 0
        self.n_with_failure = 0

    def add(self, page: PageData) -> None:
        """One more was read."""
        n_failed = sum(block.error is not None for block in page.blocks)
        self._n_pages += 1
        self._n_blocks += len(page.blocks)
        self._n_failed_pages += page.error is not None
        self._n_failed_blocks += n_failed
        self.n_with_failure += page.error is not None or n_failed > 0

    def pages_a_minute(self) -> float:
        """Since the document was begun."""
        return 60 * self._n_pages / max(self._clock() - self._begun, 1e-9)

    def summary(self) -> str:
        """In words."""
        counts = f"{counted(self._n_pages, 'page')}, {counted(self._n_blocks, 'block')}"
        failed = [
            counted(number, what)
            for number, what in ((self._n_failed_pages, "page"), (self._n_failed_blocks, "block"))
            if number
        ]
        ends = f"; {' and '.join(failed)} failed" if failed else ""
        return f"{counts}, {self.pages_a_minute():.1f} pages a minute{ends}"
