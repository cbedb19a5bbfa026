# SPDX-License-Identifier: Apache-2.0
"""Pages whose text is known, and a layout and a reader that know it."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.layout.region import Region
from ppocrvl.parsing.parts import PageJob
from ppocrvl.requests.results import Result, Timings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from ppocrvl.errors import PpocrvlError
    from ppocrvl.requests.request import Request

ROWS = 12
"""Pixels of a block from top to bottom."""
WIDTH = 40


@dataclass(frozen=True)
class Shown:
    """A rendered page."""

    pixels: npt.NDArray[np.uint8]
    dpi: float = 144.0
    rotation: int = 0
    notes: tuple[str, ...] = ()


def painted(page: int, n_blocks: int) -> npt.NDArray[np.uint8]:
    """A page whose blocks are stripes: the colour of each says which one of which page it is."""
    pixels = np.zeros((max(1, n_blocks) * ROWS, WIDTH, 3), np.uint8)
    for block in range(n_blocks):
        pixels[block * ROWS : (block + 1) * ROWS] = page // 256, page % 256, block + 1
    return pixels


def name_of(pixels: npt.NDArray[np.uint8]) -> str:
    """What stands in a stripe."""
    high, low, block = (int(value) for value in pixels[0, 0])
    return f"page {high * 256 + low} block {block - 1}"


def true_text(page: int, block: int) -> str:
    return f"page {page} block {block}"


class Stripes:
    """The layout of painted pages."""

    def __init__(self) -> None:
        self.n_calls = 0

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        self.n_calls += 1
        regions = []
        for order in range(image.shape[0] // ROWS if image.any() else 0):
            top, bottom = order * ROWS, (order + 1) * ROWS
            # Headers are not merged with what stands under them.
            regions.append(Region.of_box("header", 0.9, (0, top, WIDTH, bottom), order))
        return regions


def result(text: str, finish_reason: str = "stop") -> Result:
    return Result(
        text=text,
        finish_reason=finish_reason,  # type: ignore[arg-type]
        confidence=0.5,
        task="ocr",
        image_size=(WIDTH, ROWS),
        resized=(WIDTH, ROWS),
        timings=Timings(0, 0, 0, 0, 0, 0, 0, 0, 1),
        token_ids=(7,),
        logprobs=(-0.1,),
        token_ends=(len(text.encode()),),
    )


@dataclass
class TrueReader:
    """Gives the true text of each block; some fail.

    Attributes:
        n_parallel: as that of an engine.
        answer: makes the outcome of a request out of its picture.
    """

    n_parallel: int = 4
    answer: Callable[[npt.NDArray[np.uint8]], Result | PpocrvlError] = lambda pixels: result(
        name_of(pixels)
    )
    requests: list[Request] = field(default_factory=list)

    def submit(self, image: Request) -> Future[Result]:
        self.requests.append(image)
        future: Future[Result] = Future()
        settle(future, self.answer(np.asarray(image.image)))
        return future


def settle(future: Future[Result], outcome: Result | PpocrvlError) -> None:
    if isinstance(outcome, Result):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


class HeldReader(TrueReader):
    """Gives no answer before it is told to."""

    def __init__(self, n_parallel: int = 4) -> None:
        super().__init__(n_parallel)
        self.held: list[tuple[str, Future[Result]]] = []
        self._changed = threading.Condition()

    def submit(self, image: Request) -> Future[Result]:
        future: Future[Result] = Future()
        with self._changed:
            self.requests.append(image)
            self.held.append((name_of(np.asarray(image.image)), future))
            self._changed.notify_all()
        return future

    def wait_for(self, n_requests: int) -> None:
        """Until so many requests have come in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= n_requests, timeout=600)

    def give(self, name: str | None = None) -> None:
        """The answer to this block, or to all that are held."""
        with self._changed:
            given = [one for one in self.held if name in {None, one[0]}]
            self.held = [one for one in self.held if one not in given]
        for text, future in given:
            future.set_result(result(text))


class ShufflingReader(HeldReader):
    """A thread gives the answers in an order of its own."""

    def __init__(self, seed: int, n_parallel: int = 4) -> None:
        super().__init__(n_parallel)
        self._random = random.Random(seed)
        self._has_ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.held or self._has_ended)
                if not self.held:
                    return
                name = self._random.choice(self.held)[0]
            self.give(name)

    def end(self) -> None:
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()
        self._thread.join()


def jobs(
    blocks: list[int],
    *,
    document: int = 0,
    rendering: Callable[[int], None] = lambda _: None,
) -> Iterator[PageJob]:
    """A document of painted pages with so many blocks each."""
    for index, n_blocks in enumerate(blocks):

        def render(index: int = index, n_blocks: int = n_blocks) -> Shown:
            rendering(index)
            return Shown(painted(index, n_blocks))

        yield PageJob(
            document, "pages", len(blocks), index, len(blocks), index == len(blocks) - 1, render
        )
