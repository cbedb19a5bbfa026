# SPDX-License-Identifier: Apache-2.0
"""Pages of documents through layout and reader, several under way, and out in their order.

One thread renders pages, finds their regions and hands their blocks to the reader, as far ahead as
the window allows. Whoever asks for pages takes events from a queue: a page was planned, a block was
read, all pages were handed in. Nothing waits for a time.
"""

from __future__ import annotations

import atexit
import weakref
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ppocrvl.engine.forks import Home
from ppocrvl.errors import PpocrvlError
from ppocrvl.parsing.feeder import Feeder, Planned, Read
from ppocrvl.parsing.parts import BlocksRead, NoDocument, PageRead
from ppocrvl.parsing.window import Load, Window
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ppocrvl.parsing.feeder import Event
    from ppocrvl.parsing.open_page import OpenPage
    from ppocrvl.parsing.parts import PageFound, PageJob, Parts, Step

MAX_PAGES = 64
"""Pages that are begun and not handed out: a page may wait for a long block of one before it."""
MAX_BYTES = 256 << 20
"""Of their pixels and pictures."""
BLOCKS_PER_SLOT = 3
"""The next page is begun when fewer blocks than this are left for each that is read at once: what
is left gives the reader work while the page is rendered and its regions are found."""


class Pages(Closing, Iterator["PageRead | NoDocument"]):
    """Reads pages; gives each when all before it have been given. Closing it ends all requests.

    A page or block that fails is marked in what is given. Reading begins at once, and goes on
    within the window while nobody asks.

    Args:
        jobs: pages in their order, taken as they are needed, in another thread.
        parts: what they are read with.
        limit: of what is held at once.

    Raises:
        EngineError: no thread can be started.
    """

    def __init__(
        self,
        jobs: Iterable[PageJob | NoDocument],
        parts: Parts,
        *,
        limit: Load | None = None,
    ) -> None:
        blocks = BLOCKS_PER_SLOT * parts.reader.n_parallel
        self._home = Home()
        self._memory = parts.memory
        self._window = Window(limit or Load(MAX_PAGES, blocks, MAX_BYTES))
        self._begun: deque[OpenPage | NoDocument] = deque()
        self._has_ended = False
        self._feeder = Feeder(jobs, parts, self._window)
        _open.add(self)
        self._feeder.start()

    def __next__(self) -> PageRead | NoDocument:
        """The next page, once it is there.

        Raises:
            StopIteration: there are no more.
            CancelledError: closed meanwhile, or before all pages had been given.
            OutputError: what was read cannot be kept.
        """
        while (step := self.step()) is not None:
            if isinstance(step, PageRead | NoDocument):
                return step
        raise StopIteration

    def step(self) -> Step | None:
        """What becomes known next; None where there is nothing more.

        A page's regions come before what is read in them, its blocks in any order, and the page
        itself, once it and all before it are read, last. A page that fails comes by itself.

        Raises:
            CancelledError: as `next`.
            OutputError: as `next`.
        """
        self._home.check()
        while True:
            self._feeder.check()
            if self._begun and _is_done(self._begun[0]):
                break
            if self._has_ended and not self._begun:
                return None
            step = self._take(self._feeder.events.get())
            if step is not None:
                return step
        first = self._begun.popleft()
        if isinstance(first, NoDocument):
            return first
        self._window.give_back(Load(pages=1, n_bytes=first.n_bytes))
        return first.result()

    def cancel(self) -> None:
        """End all requests, from any thread; waits for nothing."""
        if self._home.is_here():
            self._feeder.stop()

    def close(self) -> None:
        """End all requests, and the thread once it has done what it is at."""
        if self._home.is_here():
            self._feeder.close()

    def __del__(self) -> None:
        if hasattr(self, "_feeder"):
            self.close()

    def _take(self, event: Event) -> PageFound | BlocksRead | None:
        """What is new by this event."""
        if isinstance(event, NoDocument):
            self._begun.append(event)
        elif isinstance(event, Planned):
            page = event.page
            self._begun.append(page)
            if page.found is not None:
                self._memory.keep_regions(page.key, page.found)
            found = page.found_blocks()
            page.finish_unread()
            self._weigh(page)
            return found
        elif isinstance(event, Read):
            page, outcome = event.page, event.outcome
            if event.key is not None and not isinstance(outcome, PpocrvlError):
                self._memory.keep_answer(event.key, outcome)
            page.put(event.place, outcome)
            self._feeder.submit(page, page.decide())
            self._weigh(page)
            blocks = page.take_news()
            return BlocksRead(page.job.index, blocks) if blocks else None
        else:
            self._has_ended = event.error is None
            if event.error is not None:
                self._feeder.events.put(event)  # whoever asks again hears the same
                raise event.error
        return None

    def _weigh(self, page: OpenPage) -> None:
        """A page that is done weighs its pictures alone."""
        if page.is_done:
            before = page.n_bytes
            page.let_go()
            self._window.give_back(Load(n_bytes=before - page.n_bytes))


def _is_done(page: OpenPage | NoDocument) -> bool:
    return isinstance(page, NoDocument) or page.is_done


_open: weakref.WeakSet[Pages] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """A thread that is in native code when the interpreter ends would abort the process."""
    for pages in list(_open):
        pages.close()
