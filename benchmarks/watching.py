# SPDX-License-Identifier: Apache-2.0
"""Who works while documents are parsed: the engine, the layout model, or what is between them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from peak_memory import peak_bytes
from ppocrvl.parsing.sources.pdf_process import PdfProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    P = ParamSpec("P")
    T = TypeVar("T")


class Busy:
    """How long something was under way, whatever else was at the same time.

    Safe to use from several threads.

    Args:
        clock: gives seconds.

    Attributes:
        first_end: when the first thing ended; None before that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._n_open = 0
        self._seconds = 0.0
        self._begun: float | None = None
        self._since = self._last = 0.0
        self.first_end: float | None = None

    def begin(self) -> None:
        """One more is under way."""
        with self._lock:
            if not self._n_open:
                self._since = self._clock()
                self._begun = self._since if self._begun is None else self._begun
            self._n_open += 1

    def end(self) -> None:
        """One has ended."""
        with self._lock:
            self._n_open -= 1
            self._last = self._clock()
            self.first_end = self._last if self.first_end is None else self.first_end
            if not self._n_open:
                self._seconds += self._last - self._since

    @property
    def share(self) -> float:
        """Of the time from the first beginning to the last end."""
        return self._seconds / (self._last - self._begun) if self._begun is not None else 0.0


class Watch:
    """Watches one run; the functions of its parts go through `reading`, `looking` and `listing`.

    What is neither engine nor layout is what the thread that feeds pages does beside the layout,
    what the thread that asks for pages does, and the process that PDFium runs in. It is counted in
    processor time, as other work hides it on the clock: it takes from the same cores.

    Attributes:
        busy: how long the engine had anything to read.
        layout: seconds of the layout on the clock.
        pdfium_peak: bytes of memory that PDFium's process took.
    """

    def __init__(self) -> None:
        self.busy = Busy()
        self.layout = 0.0
        self.pdfium_peak = 0
        self._beside = 0.0
        self._begun = _Clocks()

    def reading(self, submit: Callable[P, Future[T]]) -> Callable[P, Future[T]]:
        """The engine's `submit`."""

        @wraps(submit)
        def watched(*args: P.args, **more: P.kwargs) -> Future[T]:
            self.busy.begin()
            try:
                answer = submit(*args, **more)
            except BaseException:
                self.busy.end()
                raise
            answer.add_done_callback(lambda _: self.busy.end())
            return answer

        return watched

    def looking(self, detect: Callable[P, T]) -> Callable[P, T]:
        """The layout's `detect`."""

        @wraps(detect)
        def watched(*args: P.args, **more: P.kwargs) -> T:
            begin, own = time.monotonic(), time.thread_time()
            try:
                return detect(*args, **more)
            finally:
                self.layout += time.monotonic() - begin
                self._beside -= time.thread_time() - own

        return watched

    def listing(self, page_jobs: Callable[P, Iterable[T]]) -> Callable[P, Iterator[T]]:
        """What lists the pages: called when the models are there.

        It ends in the thread that feeds the pages, with the last of them.
        """

        @wraps(page_jobs)
        def watched(*args: P.args, **more: P.kwargs) -> Iterator[T]:
            self._begun = _Clocks()
            return self._listed(page_jobs(*args, **more))

        return watched

    def _listed(self, jobs: Iterable[T]) -> Iterator[T]:
        begin = time.thread_time()
        try:
            yield from jobs
        finally:
            self._beside += time.thread_time() - begin

    def watch_pdfium(self) -> None:
        """From now on the memory of each PDF's process is looked at before it is closed."""
        close = PdfProcess.close

        def look_and_close(process: PdfProcess) -> None:
            with suppress(OSError):  # it has ended already
                self.pdfium_peak = max(self.pdfium_peak, peak_bytes(process._process.pid))  # noqa: SLF001 - nobody else has a use for it
            close(process)

        PdfProcess.close = look_and_close  # type: ignore[method-assign, assignment]

    def figures(self) -> dict[str, Any]:
        """Of the run, in the thread that asked for pages, once all of them are there."""
        begun, now = self._begun, _Clocks()
        children = now.children - begun.children
        beside = self._beside + now.thread - begun.thread + children
        return {
            "seconds": now.clock - begun.clock,
            "busy": self.busy.share,
            "elsewhere": beside / (now.process - begun.process + children),
            "layout": self.layout,
        }


class _Clocks:
    """All of them, now."""

    def __init__(self) -> None:
        times = os.times()
        self.clock = time.monotonic()
        self.thread, self.process = time.thread_time(), time.process_time()
        self.children = times.children_user + times.children_system
