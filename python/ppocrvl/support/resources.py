# SPDX-License-Identifier: Apache-2.0
"""Memory and threads: where there is none, that is an error of the request that met it."""

from __future__ import annotations

import math
import mmap
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


_FIRST_FRAMES = 1 << 20  # bytes: what Python allocates for a new thread, generously
_NUMPY = 96 << 20  # bytes: numpy 2.4 takes 85 MiB on x86-64, with one thread of OpenBLAS


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


def require_numpy_memory() -> None:
    """Makes sure that numpy can be imported, where the address space is limited (RLIMIT_AS).

    OpenBLAS, which numpy loads, ends the process itself where there is not enough. For each of its
    threads it takes some 40 MiB; it gets one here, unless OPENBLAS_NUM_THREADS says otherwise.

    Raises:
        EngineError: it cannot.
    """
    if _limit("RLIMIT_AS") == math.inf:
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not _is_there_space(_NUMPY):
        raise EngineError("out of memory for numpy; raise the limit on address space (ulimit -v)")


def _require_thread_memory(what: str) -> None:
    """Makes sure that there is memory for a thread's stack and for Python's first frames.

    `Thread.start` of CPython waits for ever for a thread that finds a stack and nothing more.

    Raises:
        EngineError: there is not.
    """
    if not _is_there_space(_stack_bytes() + _FIRST_FRAMES):
        raise EngineError(f"out of memory for a thread for {what}")


def _is_there_space(n_bytes: int) -> bool:
    try:
        mmap.mmap(-1, n_bytes).close()
    except OSError:
        return False
    return True


def _stack_bytes() -> int:
    if asked := threading.stack_size():
        return asked
    if sys.platform == "win32":
        return 1 << 20
    limit = _limit("RLIMIT_STACK")
    return 8 << 20 if limit == math.inf else int(limit)


def _limit(name: str) -> float:
    """A limit of this process in bytes; infinite where there is none."""
    if sys.platform == "win32":
        return math.inf
    import resource  # noqa: PLC0415 - not on Windows

    limit = resource.getrlimit(getattr(resource, name))[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit
