# SPDX-License-Identifier: Apache-2.0
"""The threads that prepare pictures, several at once, and how many may wait for them."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError
from ppocrvl.support.resources import thread_for

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4
"""Pictures that are decoded and resized at once: each takes 4 to 32 bytes a pixel meanwhile."""


class PreparingThreads:
    """Threads that start as they are needed.

    Args:
        max_waiting: `enter` lets so many in.
    """

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting: set[object] = set()
        self._changed = threading.Condition()  # guards all below
        self._pool: Executor | None = None
        self._is_closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Leaves work to a thread.

        Raises:
            EngineError: the engine was closed, or no thread can be started. In the second case a
                thread that comes later may do the work all the same.
        """
        with thread_for("an image"):
            self.pool().submit(work)

    def pool(self) -> Executor:
        """The threads.

        Raises:
            EngineError: the engine was closed.
        """
        with self._changed:
            self._check()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, "ppocrvl-prepare")
            return self._pool

    def enter(self, request: object) -> None:
        """Waits until one more may wait for a thread, and counts it until it leaves.

        Raises:
            EngineError: the engine was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_room())
            self._check()
            self._waiting.add(request)

    def leave(self, request: object) -> None:
        """It waits no more. A second time does nothing."""
        with self._changed:
            self._waiting.discard(request)
            self._changed.notify()

    def close(self) -> None:
        """End the threads once they have done what was left to them."""
        with self._changed:
            self._is_closed = True
            pool, self._pool = self._pool, None
            self._changed.notify_all()
        if pool is not None:
            pool.shutdown(wait=False)

    def _has_room(self) -> bool:
        return len(self._waiting) < self._max_waiting

    def _check(self) -> None:
        if self._is_closed:
            raise EngineError("the engine is closed; make a new Engine")
