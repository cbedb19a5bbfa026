# SPDX-License-Identifier: Apache-2.0
"""The thread that renders pages, finds their regions and hands their blocks to the reader."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import CancelledError, EngineError, OutputError, PpocrvlError
from ppocrvl.parsing.drafts import with_drafts
from ppocrvl.parsing.open_page import OpenPage
from ppocrvl.parsing.parts import NoDocument
from ppocrvl.parsing.plan import plan_page
from ppocrvl.parsing.upright import upright
from ppocrvl.parsing.window import Load
from ppocrvl.support.resources import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from ppocrvl.parsing.open_page import Place
    from ppocrvl.parsing.parts import PageJob, Parts
    from ppocrvl.parsing.text_layer import LayerCharacter
    from ppocrvl.parsing.window import Window
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Outcome, Result

_logger = logging.getLogger("ppocrvl")


@dataclass(frozen=True, slots=True)
class Planned:
    """The blocks of a page are known, or why it cannot be read."""

    page: OpenPage


@dataclass(frozen=True, slots=True)
class Read:
    """A request has ended; `key` is that of its answer, None where it came from memory."""

    page: OpenPage
    place: Place
    outcome: Outcome
    key: bytes | None


@dataclass(frozen=True, slots=True)
class End:
    """There are no more pages, or this error keeps them from coming."""

    error: BaseException | None


Event: TypeAlias = "Planned | Read | NoDocument | End"


class Feeder:
    """The thread, and the events that it and the reader put into a queue.

    Args:
        jobs: pages in their order; a generator is closed in the end.
        parts: what they are read with.
        window: lets pages in.
    """

    def __init__(self, jobs: Iterable[PageJob | NoDocument], parts: Parts, window: Window) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self._jobs = iter(jobs)
        self._parts = parts
        self._window = window
        self._lock = threading.Lock()  # guards the next two
        self._running: set[Future[Result]] = set()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="ppocrvl-pages", daemon=True)

    def start(self) -> None:
        """Begins.

        Raises:
            EngineError: no thread can be started.
        """
        start_thread(self._thread, "pages")

    def check(self) -> None:
        """Makes sure that it goes on.

        Raises:
            CancelledError: it was closed.
        """
        if self._is_closed:
            raise CancelledError("the parser was closed before all pages had been given")

    def stop(self) -> None:
        """Cancels what is read, and begins nothing more. A second time does nothing."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            running = list(self._running)
        if was_closed:
            return
        self._window.close()
        for answer in running:
            answer.cancel()
        self.events.put(End(None))  # wakes whoever waits

    def close(self) -> None:
        """Stops, and waits until the thread has done what it is at."""
        self.stop()
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join()

    def submit(self, page: OpenPage, requests: Sequence[tuple[Place, Request]]) -> None:
        """Has blocks of a page read; from any thread."""
        self._window.take(Load(blocks=len(requests)))
        for place, request in requests:
            self._submit(page, place, request)

    def _run(self) -> None:
        try:
            self._feed()
        except BaseException as error:  # noqa: BLE001 - whoever waits for pages gets it
            self.events.put(End(error))
        finally:
            if (close := getattr(self._jobs, "close", None)) is not None:
                close()  # of a generator, which lets go of its document

    def _feed(self) -> None:
        while self._window.enter():
            job = next(self._jobs, None)
            while isinstance(job, NoDocument):
                self.events.put(job)
                job = next(self._jobs, None)
            if job is None:
                self.events.put(End(None))
                return
            self._begin(job)

    def _begin(self, job: PageJob) -> None:
        page = OpenPage(job, since=perf_counter())
        try:
            self._plan(page)
        except OutputError:  # what was kept cannot be read
            raise
        except PpocrvlError as error:
            page.fail(error)
        except MemoryError:
            page.fail(EngineError("not enough memory for the page; a lower dpi needs less"))
        except Exception as error:
            _logger.exception("page %d cannot be parsed", job.index + 1)
            page.fail(PpocrvlError(f"{type(error).__name__}: {error}; please report this"))
        requests = page.requests()
        self._window.take(Load(n_bytes=page.n_bytes))
        self.events.put(Planned(page))
        self.submit(page, requests)

    def _plan(self, page: OpenPage) -> None:
        job = page.job
        as_is = job.render()
        shown = upright(as_is) if self._parts.turns_pages else as_is
        page.rendered(shown, keep_image=self._parts.page_images)
        page.key = self._parts.memory.page_key(shown.pixels)
        regions = self._parts.memory.regions(page.key)
        if regions is None:
            regions = page.found = self._parts.layout.detect(shown.pixels)
        blocks = plan_page(
            shown.pixels, regions, self._parts.options, page=job.index, dpi=shown.dpi
        )
        characters = self._characters(job) if shown.rotation == as_is.rotation else ()
        if self._parts.gives_drafts:
            blocks = with_drafts(blocks, characters)
        page.planned(blocks, characters if self._parts.uses_text_layer else ())

    def _characters(self, job: PageJob) -> Sequence[LayerCharacter]:
        """The page's text layer, if it is wanted and can be had."""
        if not self._parts.uses_text_layer and not self._parts.gives_drafts:
            return ()
        try:
            return job.text_layer()
        except PpocrvlError as error:
            _logger.warning("page %d has no text layer: %s", job.index + 1, error)
            return ()

    def _submit(self, page: OpenPage, place: Place, request: Request) -> None:
        key = self._parts.memory.answer_key(request)
        known = self._parts.memory.answer(key)
        if known is not None:
            self._end(page, place, known, None)
            return
        deadline = self._left(request, page.since)
        if deadline != request.deadline:
            request = replace(request, deadline=deadline)  # which checks all of it again
        try:
            answer = self._parts.reader.submit(request)
        except PpocrvlError as error:
            self._end(page, place, error, None)
            return
        with self._lock:
            self._running.add(answer)
            is_closed = self._is_closed
        answer.add_done_callback(partial(self._answered, page, place, key))
        if is_closed:
            answer.cancel()

    def _left(self, request: Request, since: float) -> float | None:
        """Seconds for a request, of those for its page and its own."""
        if self._parts.page_deadline is None:
            return request.deadline
        left = max(0.0, self._parts.page_deadline - (perf_counter() - since))
        return left if request.deadline is None else min(left, request.deadline)

    def _answered(self, page: OpenPage, place: Place, key: bytes, answer: Future[Result]) -> None:
        with self._lock:
            self._running.discard(answer)
        self._end(page, place, _outcome(answer), key)

    def _end(self, page: OpenPage, place: Place, outcome: Outcome, key: bytes | None) -> None:
        self._window.give_back(Load(blocks=1))
        self.events.put(Read(page, place, outcome, key))


def _outcome(answer: Future[Result]) -> Outcome:
    if answer.cancelled():
        return CancelledError("the block was cancelled before it was read")
    error = answer.exception()
    if error is None:
        return answer.result()
    if isinstance(error, PpocrvlError):
        return error
    return PpocrvlError(f"{type(error).__name__}: {error}; please report this")
