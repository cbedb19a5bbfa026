# SPDX-License-Identifier: Apache-2.0
"""Work that ends when the client goes away."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from ppocrvl.server.body import ClientGoneError
from ppocrvl.server.protocol import FILLER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from starlette.types import Receive, Scope, Send

T = TypeVar("T")


async def unless_gone(receive: Receive, work: Coroutine[object, object, T]) -> T:
    """What the work gives, or the work is cancelled as soon as the client closes the connection.

    Args:
        receive: of the request, after all of its body was taken.
        work: what to do for it.

    Raises:
        ClientGoneError: the client has gone.
    """

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(watch())
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for one in (task, watcher):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one


class PiecewiseResponse(Response):
    """An answer whose parts are sent as they come, until the end or until the client goes."""

    def __init__(self, parts: AsyncGenerator[bytes], media_type: str, filler: bytes) -> None:
        """An answer of these parts.

        Args:
            parts: each may be followed by a filler.
            media_type: for its header.
            filler: what means nothing between two parts.
        """
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        # Proxies such as nginx would collect the parts otherwise.
        self.headers["x-accel-buffering"] = "no"
        self._parts = parts
        self._filler = filler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope[FILLER] = self._filler

        async def send_parts() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with contextlib.aclosing(self._parts) as parts:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        await unless_gone(receive, send_parts())
