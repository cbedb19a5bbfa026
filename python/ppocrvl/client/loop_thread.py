# SPDX-License-Identifier: Apache-2.0
"""An event loop in a thread of its own, for callers that wait.

A thread that waits for a socket cannot be woken by another one; a task can be cancelled. So every
request is a task, whoever waits for it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ppocrvl.engine.preparing import THREADS
from ppocrvl.errors import CancelledError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor, Future

T = TypeVar("T")


class LoopThread:
    """The loop. It ends with `close`, or when nobody holds this object any more.

    Args:
        last: makes what is to be done at the end, when all tasks were cancelled.

    Attributes:
        workers: threads that prepare pictures for tasks.
    """

    def __init__(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.workers = ThreadPoolExecutor(THREADS, "ppocrvl-prepare")
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()  # no task begins after the end
        submitted: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._loop.set_task_factory(partial(_new_task, submitted))
        self._thread = threading.Thread(
            target=_run,
            args=(self._loop, self.workers, submitted, last),
            name="ppocrvl-client",
            daemon=True,
        )
        self._thread.start()
        self._end = weakref.finalize(self, _end, self._loop)

    def submit(self, task: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins a task; its future cancels it.

        Raises:
            ServerError: the loop has ended.
        """
        with self._lock:
            if self._end.alive:
                return asyncio.run_coroutine_threadsafe(task, self._loop)
        task.close()
        raise ServerError("the client is closed; make a new Client")

    def close(self) -> None:
        """Cancels what runs, and ends the thread."""
        with self._lock:
            self._end()
        if threading.current_thread() is not self._thread:
            self._thread.join()


def outcome(task: Future[T]) -> T:
    """What a task gives, once it has ended. A caller who is interrupted cancels it.

    Raises:
        CancelledError: it was cancelled.
    """
    try:
        return task.result()
    except concurrent.futures.CancelledError as error:
        raise CancelledError("the request was cancelled before its answer was there") from error
    finally:
        task.cancel()  # does nothing to one that has ended


async def awaited(task: Future[T]) -> T:
    """As `outcome`, for the event loop of the caller, whose cancelling cancels the task.

    Raises:
        CancelledError: it was cancelled by somebody else.
    """
    try:
        return await asyncio.wrap_future(task)
    except asyncio.CancelledError as error:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise CancelledError("the request was cancelled before its answer was there") from error


def _new_task(
    submitted: weakref.WeakSet[asyncio.Task[Any]],
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, T],
    **options: Any,  # noqa: ANN401 - what asyncio's Task takes
) -> asyncio.Task[T]:
    task = asyncio.Task(coroutine, loop=loop, **options)
    if asyncio.current_task(loop) is None:  # begun by `submit`, not by another task
        submitted.add(task)
    return task


def _run(
    loop: asyncio.AbstractEventLoop,
    workers: Executor,
    submitted: weakref.WeakSet[asyncio.Task[Any]],
    last: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    loop.run_forever()  # until `_end`
    loop.run_until_complete(_finish(submitted, last))
    loop.run_until_complete(loop.shutdown_asyncgens())
    workers.shutdown(wait=False, cancel_futures=True)  # not even for what is being decoded
    loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(loop.stop)


async def _finish(
    submitted: weakref.WeakSet[asyncio.Task[Any]], last: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    # A task ends those that it began. anyio's task group, with which a connection is made, leaves
    # a coroutine that is never awaited when one of its tasks is cancelled by somebody else.
    await _cancelled(set(submitted))
    # Until there are none: one that is cancelled may have begun others.
    while await _cancelled(asyncio.all_tasks()):
        pass
    await last()


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> bool:
    """Cancels tasks, but for the current one, and waits for them; False if there are none."""
    others = tasks - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return bool(others)
