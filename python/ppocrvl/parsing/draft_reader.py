# SPDX-License-Identifier: Apache-2.0
"""A large model that is told what a small one has read.

Where the text layer of a document says nothing of a block, a small model may have read it in a
fraction of the time. Its answer is a draft alone: what the large one reads counts.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import PpocrvlError
from ppocrvl.images.lines import find_lines
from ppocrvl.models.folder import BUILT_IN_FOLDER
from ppocrvl.parsing.strips import rows_of, strips
from ppocrvl.requests.options import GUESSED
from ppocrvl.requests.request import Request
from ppocrvl.requests.results import Result

if TYPE_CHECKING:
    from contextlib import ExitStack

    from ppocrvl.parsing.options import LineFinder
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import Reader

_logger = logging.getLogger("ppocrvl")
_TASKS = ("ocr", "table")
_LEAST_CONFIDENCE = 0.95
"""Of the small model, in each part of a block: below that it mostly does not know the script."""
_TRIED, _LEAST_SURE = 8, 0.5
"""After so many blocks, less than this share of which it was sure of, it is asked no more."""


def with_small_reader(reader: Reader, options: ParseOptions, stack: ExitStack) -> Reader:
    """The reader, told by the built-in model what blocks say, where it is an engine of another one.

    Args:
        reader: whose answers count.
        options: say whether it is told anything.
        stack: closes what is opened here.
    """
    if not isinstance(reader, Engine) or reader.paths.built_in:
        return reader
    if not options.gives_drafts_to(reader):
        return reader
    try:
        small = stack.enter_context(Engine(BUILT_IN_FOLDER, n_parallel=reader.n_parallel))
    except PpocrvlError as error:  # nothing depends on it
        _logger.warning("no drafts by the built-in model: %s", error)
        return reader
    return DraftReader(reader, small, max_lines=small.info.max_lines, find_lines=find_lines)


class DraftReader:
    """Reads blocks with two models, one after the other.

    Args:
        reader: whose answers count.
        small: reads blocks first that nothing is known of.
        max_lines: that the small model can read at once; 0 for no limit.
        find_lines: where lines are, to cut blocks for the small model.

    Attributes:
        n_parallel: as the reader's.
    """

    def __init__(
        self, reader: Reader, small: Reader, *, max_lines: int, find_lines: LineFinder
    ) -> None:
        self.n_parallel = reader.n_parallel
        self._reader, self._small = reader, small
        self._max_lines, self._find_lines = max_lines, find_lines
        self._lock = threading.Lock()  # guards the next two
        self._n_tried = self._n_sure = 0

    def submit(self, image: Request, /) -> Future[Result]:
        """Begins to read one. Cancelling the future ends it."""
        if image.draft != GUESSED or image.task not in _TASKS or self._is_of_no_use():
            return self._reader.submit(image)
        return _Twice(image, self._reader, self._small, self._parts(image), self._note).begin()

    def _is_of_no_use(self) -> bool:
        with self._lock:
            return self._n_tried >= _TRIED and self._n_sure < _LEAST_SURE * self._n_tried

    def _note(self, *, was_sure: bool) -> None:
        with self._lock:
            self._n_tried += 1
            self._n_sure += was_sure

    def _parts(self, asked: Request) -> list[Request]:
        """The requests for the small model."""
        pixels = np.asarray(asked.image)
        cuts = [(0, pixels.shape[0])]
        if self._max_lines and asked.task == "ocr":
            cuts = strips(rows_of(self._find_lines(pixels)), pixels.shape[0], self._max_lines)
        return [
            Request(pixels[top:bottom], task=asked.task, max_tokens=asked.max_tokens)
            for top, bottom in cuts
        ]


class Note(Protocol):
    """Hears whether the small model was sure of a block."""

    def __call__(self, *, was_sure: bool) -> None:
        """It was, or not."""


class _Twice:
    """One block, first with the small model."""

    def __init__(
        self, asked: Request, reader: Reader, small: Reader, parts: list[Request], note: Note
    ) -> None:
        self._asked, self._reader, self._small, self._parts = asked, reader, small, parts
        self._note = note
        self._since = perf_counter()
        self._lock = threading.Lock()  # guards the next two
        self._running: list[Future[Result]] = []
        self._n_left = len(parts)
        self.answer: Future[Result] = Future()
        self.answer.add_done_callback(self._stop)

    def begin(self) -> Future[Result]:
        """Reads with the small model, and goes on when it has ended."""
        drafts: list[Future[Result]] = []
        try:
            drafts.extend(
                self._small.submit(replace(part, deadline=self._left())) for part in self._parts
            )
        except PpocrvlError:  # nothing depends on it
            for one in drafts:
                one.cancel()
            return self._reader.submit(self._asked)
        self._follow(drafts)
        for one in drafts:
            one.add_done_callback(lambda _: self._one_ended(drafts))
        return self.answer

    def _left(self) -> float | None:
        deadline = self._asked.deadline
        return None if deadline is None else max(0.0, deadline - (perf_counter() - self._since))

    def _follow(self, running: list[Future[Result]]) -> None:
        with self._lock:
            self._running = running
        if self.answer.cancelled():
            self._stop(self.answer)

    def _stop(self, answer: Future[Result]) -> None:
        if answer.cancelled():
            with self._lock:
                running = list(self._running)
            for one in running:
                one.cancel()

    def _one_ended(self, drafts: list[Future[Result]]) -> None:
        with self._lock:
            self._n_left -= 1
            is_last = self._n_left == 0
        if not is_last or self.answer.cancelled():
            return
        try:
            draft = _draft_of(drafts)
            self._note(was_sure=draft != GUESSED)
            counts = self._reader.submit(replace(self._asked, draft=draft, deadline=self._left()))
        except Exception as error:  # noqa: BLE001 - in a callback nobody else would hear of it
            self._settle(error)
            return
        self._follow([counts])
        counts.add_done_callback(self._ended)

    def _ended(self, counts: Future[Result]) -> None:
        if counts.cancelled():
            self.answer.cancel()
            return
        error = counts.exception()
        self._settle(counts.result() if error is None else error)

    def _settle(self, outcome: Result | BaseException) -> None:
        if not self.answer.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Result):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)


def _draft_of(drafts: list[Future[Result]]) -> str:
    """What the small model read, if it was sure of all of it."""
    texts = []
    for one in drafts:
        if one.cancelled() or one.exception() is not None:
            return GUESSED
        result = one.result()
        if result.confidence < _LEAST_CONFIDENCE or result.finish_reason != "stop":
            return GUESSED
        texts.append(result.text)
    return "\n".join(texts) or GUESSED
