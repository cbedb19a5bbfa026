# SPDX-License-Identifier: Apache-2.0
"""Out of memory or of threads, as an error of the request that met it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        yield
    except RuntimeError as error:
        raise EngineError(
            f"cannot start a thread for {what} ({error}); raise the limit on threads"
        ) from error
