# SPDX-License-Identifier: Apache-2.0
"""Reading a body within its limits on bytes and time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from ppocrvl.server.codes import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive

    from ppocrvl.server.admission import Share
    from ppocrvl.server.server_limits import ServerLimits

_DISCARD_BYTES = 64 << 20
_DISCARD_SECONDS = 2.0


class ClientGoneError(Exception):
    """The client closed the connection, or does not read what is sent to it."""


async def read_body(
    request: Request, limits: ServerLimits, share: Share, *, has_document: bool = False
) -> bytearray:
    """The whole body, which the request's share of the budget grows by.

    Args:
        request: whose body it is.
        limits: on bytes and time.
        share: of the budget.
        has_document: bodies with documents have a limit of their own.

    Raises:
        ApiError: too large, too slow, or too much from all requests together.
        ClientGoneError: the connection was closed.
    """
    limit = limits.max_document_bytes if has_document else limits.max_body_bytes
    too_large = ApiError(
        "document_too_large" if has_document else "body_too_large",
        f"the body is over the limit of {limit:,} bytes",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                share.add(len(chunk))
                body += chunk
    except TimeoutError:
        raise ApiError(
            "request_timeout", f"the body did not come within {limits.body_seconds:g} seconds"
        ) from None
    except ClientDisconnect:
        raise ClientGoneError from None
    return body


async def discard_body(receive: Receive) -> None:
    """Takes what is left of a body that nobody wants, within bounds.

    A client that is still sending when the connection is closed may never see the answer.
    """
    left = _DISCARD_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
