# SPDX-License-Identifier: Apache-2.0
"""Out of memory or of threads, as an error of the request that met it."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


_THREAD_BYTES = 9 << 20
"""A thread's stack as Linux gives it by default, and what Python's first frames take."""


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
    """A thread is started inside, for this.

    Raises:
        EngineError: there can be none.
    """
    try:
        # CPython waits for ever for a thread that finds a stack and no memory for its first frame.
        mmap.mmap(-1, _THREAD_BYTES).close()
    except OSError as error:
        raise EngineError(f"out of memory for a thread for {what}") from error
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            f"cannot start a thread for {what} ({error}); raise the limit on threads"
        ) from error
