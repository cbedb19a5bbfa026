# SPDX-License-Identifier: Apache-2.0
"""Many pictures: a window of them is under way, and their outcomes come in order or as they end."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncIterable
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import CancelledError, PpocrvlError
from ppocrvl.requests.request import Request
from ppocrvl.requests.results import placed

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )
    from concurrent.futures import Future

    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.results import Outcome, Result

AHEAD = 2
"""Pictures that are prepared beyond those that can be read at once."""
Item: TypeAlias = "ImageSource | Request | None"
"""One of many: a plain picture, or one with its own options."""
_Taken: TypeAlias = "tuple[int, object, Callable[[], Awaitable[Result]]]"
"""Place and tag of an item, and what begins to read it."""


def outcomes(
    items: Iterable[Item],
    begin: Callable[[Item], Future[Result]],
    *,
    at_once: int,
    ordered: bool,
) -> Generator[Outcome]:
    """Outcomes of all items; closing the generator cancels those that have none yet.

    Args:
        items: taken in the caller's thread, `AHEAD` more than `at_once` before an outcome is given.
        begin: begins to read one; its future has the result, or the error.
        at_once: so many are read at once.
        ordered: give them in the order of the items, else as they end.
    """
    source = enumerate(items)
    running: dict[Future[Result], tuple[int, object]] = {}
    ended: SimpleQueue[Future[Result]] = SimpleQueue()
    try:
        while True:
            for index, item in islice(source, at_once + AHEAD - len(running)):
                future = begin(item)
                running[future] = index, _tag(item)
                if not ordered:
                    future.add_done_callback(ended.put)
            if not running:
                return
            future = next(iter(running)) if ordered else ended.get()
            outcome = _outcome(future)
            yield placed(outcome, *running.pop(future))
    finally:
        # Those that wait first: one that ends makes room for them.
        for future in reversed(running):
            future.cancel()


async def async_outcomes(
    items: Iterable[Item] | AsyncIterable[Item],
    read: Callable[[Item], Awaitable[Result]],
    *,
    keep: Callable[[Item], Awaitable[Item]],
    at_once: int,
    ordered: bool,
) -> AsyncGenerator[Outcome]:
    """As `outcomes`, for asyncio. While an item is awaited, outcomes that are there are given.

    Args:
        items: of a plain iterable each is taken in the event loop's thread.
        read: reads one.
        keep: gives an item that stays as it is; the next one is taken after that.
        at_once: as for `outcomes`.
        ordered: likewise.
    """
    source = _enumerated(items)
    taking: asyncio.Task[_Taken | None] | None = None
    has_more = True
    running: dict[asyncio.Task[Result], tuple[int, object]] = {}
    try:
        while True:
            if has_more and taking is None and len(running) < at_once + AHEAD:
                taking = asyncio.create_task(_take(source, keep, read))
            wanted = list(running)[:1] if ordered else list(running)
            if taking is None and not wanted:
                return
            waited = [*wanted, *([taking] if taking is not None else [])]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if taking is not None and taking.done():
                taken, taking = taking.result(), None
                if taken is None:
                    has_more = False
                else:
                    index, tag, begin = taken
                    running[asyncio.create_task(_result(begin))] = index, tag
                continue  # as many as may run before anything is given
            task = next(one for one in wanted if one.done())
            place = running.pop(task)
            yield placed(_task_outcome(task), *place)
    finally:
        unfinished = [*running, *([taking] if taking is not None else [])]
        for one in unfinished:
            one.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await source.aclose()


async def _enumerated(
    items: Iterable[Item] | AsyncIterable[Item],
) -> AsyncGenerator[tuple[int, Item]]:
    """Items of either kind of iterable, with their places."""
    index = 0
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield index, item
            index += 1
    else:
        for item in items:
            yield index, item
            index += 1


async def _take(
    source: AsyncIterator[tuple[int, Item]],
    keep: Callable[[Item], Awaitable[Item]],
    read: Callable[[Item], Awaitable[Result]],
) -> _Taken | None:
    """The next item; None after the last."""
    found = await anext(source, None)
    if found is None:
        return None
    index, item = found
    try:
        return index, _tag(item), partial(read, await keep(item))
    except PpocrvlError as error:
        return index, _tag(item), partial(_failed, error)


async def _result(begin: Callable[[], Awaitable[Result]]) -> Result:
    return await begin()


async def _failed(error: PpocrvlError) -> Result:
    raise error


def _tag(item: Item) -> object:
    return item.tag if isinstance(item, Request) else None


def _outcome(future: Future[Result]) -> Outcome:
    try:
        return future.result()
    except PpocrvlError as error:
        return error
    except concurrent.futures.CancelledError as error:
        raise CancelledError("the request was cancelled before its answer was there") from error


def _task_outcome(task: asyncio.Task[Result]) -> Outcome:
    try:
        return task.result()
    except PpocrvlError as error:
        return error
