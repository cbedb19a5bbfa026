# SPDX-License-Identifier: Apache-2.0
"""What is found of a document, and how long each stage takes: for the metrics and the log."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from ppocrvl.parsing.parts import NoDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.layout.region import Region
    from ppocrvl.parsing.parts import Layout, PageJob, PageRead, Reader
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result
    from ppocrvl.server.metrics import Metrics

T = TypeVar("T")


class DocumentMeter:
    """Counts for one document, and hands everything on to the server's metrics as it comes.

    The stages are timed where the parser calls them, in its threads. Seconds of blocks that are
    read at the same time are added up.

    Args:
        metrics: of the server.
        n_bytes: of the document's files.
    """

    def __init__(self, metrics: Metrics, n_bytes: int) -> None:
        self._metrics = metrics
        self._n_bytes = n_bytes
        self._lock = threading.Lock()  # guards the next
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._labels: Counter[str] = Counter()
        self._n_pages = self._n_failed = 0

    def layout(self, layout: Layout) -> Layout:
        """The same, timed."""
        return _TimedLayout(layout, self)

    def reader(self, reader: Reader) -> Reader:
        """The same, timed."""
        return _TimedReader(reader, self)

    def jobs(self, jobs: Generator[PageJob | NoDocument]) -> Iterator[PageJob | NoDocument]:
        """The same, whose rendering is timed."""
        with closing(jobs):
            for job in jobs:
                if isinstance(job, NoDocument):
                    yield job
                else:
                    yield replace(job, render=partial(self.timed, "render", job.render))

    def timed(self, stage: str, work: Callable[[], T]) -> T:
        """What the work gives."""
        begun = perf_counter()
        result = work()
        seconds = perf_counter() - begun
        self._metrics.observe_stage(stage, seconds)
        with self._lock:
            self._seconds[stage] += seconds
        return result

    def note_page(self, read: PageRead) -> None:
        """A page has ended."""
        labels = Counter(block.label for block in read.data.blocks)
        self._labels += labels
        self._n_pages += 1
        self._n_failed += bool(read.errors)
        self._metrics.observe_page(labels, failed=bool(read.errors))

    def note_answer(self, task: str, answer: Future[Result]) -> None:
        """A block was read, or not."""
        if answer.cancelled() or answer.exception() is not None:
            return
        result = answer.result()
        stages = self._metrics.observe_result(task, result)
        with self._lock:
            for stage, seconds in stages.items():
                self._seconds[stage] += seconds

    def values(self) -> dict[str, Any]:
        """For the log: counts, and seconds by stage."""
        with self._lock:
            seconds = {stage: round(value, 4) for stage, value in self._seconds.items()}
        return {
            "bytes": self._n_bytes,
            "pages": self._n_pages,
            "failed": self._n_failed,
            "regions": dict(self._labels),
            "seconds": seconds,
        }


@dataclass(frozen=True, slots=True)
class _TimedLayout:
    inner: Layout
    meter: DocumentMeter

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        return self.meter.timed("layout", partial(self.inner.detect, image))


@dataclass(frozen=True, slots=True)
class _TimedReader:
    inner: Reader
    meter: DocumentMeter

    @property
    def n_parallel(self) -> int:
        return self.inner.n_parallel

    def submit(self, image: Request, /) -> Future[Result]:
        answer = self.inner.submit(image)
        answer.add_done_callback(partial(self.meter.note_answer, image.task))
        return answer
