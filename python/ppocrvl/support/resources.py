# SPDX-License-Identifier: Apache-2.0
"""Memory and threads: where there is none, that is an error of the request that met it."""

from __future__ import annotations

import mmap
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


_FIRST_FRAMES = 1 << 20  # bytes: what Python allocates for a new thread, generously


@contextmanager
def memory_for(what: str) -> Iterator[None]:
    """Memory is allocated inside, for this.

    Raises:
        EngineError: there is not enough.
    """
    try:
        yield
    except MemoryError as error:
        raise EngineError(
            f"out of memory for {what}; a lower max_pixels or max_tokens needs less"
        ) from error


@contextmanager
def thread_for(what: str) -> Iterator[None]:
    """A thread may be started inside, for this.

    Raises:
        EngineError: there can be none.
    """
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            f"cannot start a thread for {what} ({error}); raise the limit on threads"
        ) from error


def start_thread(thread: threading.Thread, what: str) -> None:
    """Starts a thread, for this, if there is memory for it.

    Raises:
        EngineError: there can be none.
    """
    _require_thread_memory(what)
    with thread_for(what):
        thread.start()


def started_pool(count: int, name: str, what: str) -> ThreadPoolExecutor:
    """A pool whose threads have all been started: where one cannot be, no request finds out.

    Raises:
        EngineError: they cannot be started.
    """
    pool = ThreadPoolExecutor(count, name)
    together = threading.Barrier(count)  # a thread that were free again would get the next task
    try:
        for _ in range(count):
            _require_thread_memory(what)
            with thread_for(what):
                pool.submit(together.wait)
    except EngineError:
        together.abort()
        pool.shutdown(wait=False)
        raise
    return pool


def _require_thread_memory(what: str) -> None:
    """Makes sure that there is memory for a thread's stack and for Python's first frames.

    `Thread.start` of CPython waits for ever for a thread that finds a stack and nothing more.

    Raises:
        EngineError: there is not.
    """
    try:
        mmap.mmap(-1, _stack_bytes() + _FIRST_FRAMES).close()
    except OSError as error:
        raise EngineError(f"out of memory for a thread for {what}") from error


def _stack_bytes() -> int:
    if asked := threading.stack_size():
        return asked
    if sys.platform == "win32":
        return 1 << 20
    import resource  # noqa: PLC0415 - not on Windows

    limit = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return 8 << 20 if limit == resource.RLIM_INFINITY else limit
