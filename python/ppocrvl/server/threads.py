# SPDX-License-Identifier: Apache-2.0
"""Threads that are there before they are needed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from ppocrvl.errors import EngineError
from ppocrvl.support.resources import thread_for


def started_pool(count: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads have all been started: where one cannot be, no request finds out.

    Raises:
        EngineError: they cannot be started.
    """
    pool = ThreadPoolExecutor(count, name)
    together = threading.Barrier(count)  # a thread that were free again would get the next task
    try:
        for _ in range(count):
            with thread_for("the server"):
                pool.submit(together.wait)
    except EngineError:
        together.abort()
        pool.shutdown(wait=False)
        raise
    return pool
