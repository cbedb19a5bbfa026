# SPDX-License-Identifier: Apache-2.0
"""The event loop behind a client: how it ends."""

from __future__ import annotations

import asyncio
import gc
import warnings
from concurrent.futures import CancelledError

import anyio
import pytest
from tests.waiting import SECONDS

from ppocrvl.client.loop_thread import LoopThread


async def _nothing() -> None:
    pass


def test_a_connection_that_has_just_begun_is_left_in_order() -> None:
    """anyio connects in a task of its own; the end comes before that task's first step."""
    begun: list[str] = []

    async def connect() -> None:
        begun.append("connection")

    async def request() -> None:
        loop.close()
        for _ in range(2):  # the first step of the end is in the iteration after the next one
            await asyncio.sleep(0)
        async with anyio.create_task_group() as group:
            group.start_soon(connect)
            await anyio.sleep_forever()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop = LoopThread(_nothing)
        future = loop.submit(request())
        with pytest.raises(CancelledError):
            future.result(SECONDS)
        loop.close()  # waits for the thread
        gc.collect()
    assert begun == ["connection"]
    assert [str(warning.message) for warning in caught] == []


def test_tasks_that_others_began_are_cancelled_too() -> None:
    ended: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    kept: list[asyncio.Task[None]] = []

    async def request() -> None:
        kept.append(asyncio.create_task(forgotten()))
        await asyncio.sleep(0)

    loop = LoopThread(_nothing)
    loop.submit(request()).result(SECONDS)
    loop.close()
    assert ended == ["cancelled"]
