# SPDX-License-Identifier: Apache-2.0
"""What every request passes on its way in and out."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ppocrvl.errors import PpocrvlError
from ppocrvl.server.auth import check_host, check_origin, check_size
from ppocrvl.server.body import ClientGoneError, discard_body
from ppocrvl.server.codes import CODES, ApiError, api_error
from ppocrvl.server.error_shapes import error_shape
from ppocrvl.server.logs import LOGGER, log_request
from ppocrvl.server.page import FILES
from ppocrvl.server.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ppocrvl.server.auth import Keys
    from ppocrvl.server.state import State

OPEN_PATHS = frozenset({*FILES, "/health", "/docs", "/openapi.json"})
"""They hold nothing of anybody; everything else wants a key where there are keys."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_ROUTER_ERRORS = {404: "not_found", 405: "method_not_allowed"}
_CLOSE = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        keys: API keys.
        hosts: names in the Host header; empty for any.
    """

    keys: Keys
    hosts: Collection[str] = ()


class Gate:
    """Around the application: ids, access, time limits on sending, errors, logs, metrics."""

    def __init__(self, app: ASGIApp, state: State, access: Access, *, log_texts: bool) -> None:
        self._app = app
        self._state = state
        self._access = access
        self._log_texts = log_texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":  # lifespan
            await self._app(scope, receive, send)
            return
        headers = dict(reversed(scope["headers"]))
        given = headers.get(b"x-request-id", b"")
        name = given.decode() if _ID.fullmatch(given) else secrets.token_hex(12)
        record = Record(name, scope["method"], scope["path"])
        scope["ppocrvl.record"] = record
        scope["ppocrvl.state"] = self._state
        scope["app"] = self  # so that the router raises what it has no route for
        sender = _Sender(send, record, self._state.limits.send_seconds)
        receive = _noting_the_end(receive, record)
        try:
            await self._pass(scope, receive, sender, headers)
        except ClientGoneError:
            _abort(scope)
        except asyncio.CancelledError:  # the time for ending is over
            await self._refuse(ApiError("shutting_down", "the server ends"), scope, receive, sender)
        except Exception:  # noqa: BLE001 - a fault must not show, nor end the server
            LOGGER.exception("fault", extra={"values": {"id": record.id}})
            error = ApiError(
                "internal_error", f"a fault of the server; its log has it under {name}"
            )
            await self._refuse(error, scope, receive, sender)
        finally:
            record.close()
            self._state.metrics.observe(record)
            log_request(record, texts=self._log_texts)

    async def _pass(
        self, scope: Scope, receive: Receive, sender: _Sender, headers: dict[bytes, bytes]
    ) -> None:
        try:
            line = (scope["method"], scope["path"], scope.get("query_string", b""))
            check_size(line, scope["headers"], self._state.limits.max_header_bytes)
            check_host(headers.get(b"host"), self._access.hosts)
            if scope["method"] not in {"GET", "HEAD"}:
                check_origin(
                    headers.get(b"origin"), headers.get(b"sec-fetch-site"), headers.get(b"host")
                )
            if scope["path"] not in OPEN_PATHS:
                self._access.keys.check(headers.get(b"authorization"))
            await self._app(scope, receive, sender)
        except ApiError as error:
            await self._refuse(error, scope, receive, sender)
        except PpocrvlError as error:
            await self._refuse(api_error(error), scope, receive, sender)
        except MemoryError:
            LOGGER.exception("out of memory", extra={"values": {"id": scope["ppocrvl.record"].id}})
            busy = ApiError(
                "server_busy", "there is too little memory now; try again later", retry_after=1
            )
            await self._refuse(busy, scope, receive, sender)
        except HTTPException as error:  # of the router
            code = _ROUTER_ERRORS[error.status_code]
            why = f"{scope['method']} {scope['path']}: {CODES[code].meaning.lower()}"
            allow = (error.headers or {}).get("Allow")
            await self._refuse(ApiError(code, why, allow=allow), scope, receive, sender)

    async def _refuse(
        self, error: ApiError, scope: Scope, receive: Receive, sender: _Sender
    ) -> None:
        record: Record = scope["ppocrvl.record"]
        record.code = error.code
        if sender.started:  # what was sent stays cut off
            _abort(scope)
            return
        try:
            await _error_response(error, scope, receive, record)(scope, receive, sender)
        except ClientGoneError:
            _abort(scope)


class _Sender:
    """Passes an answer on, and gives up on clients that leave it unread."""

    def __init__(self, send: Send, record: Record, seconds: float) -> None:
        self._send = send
        self._record = record
        self._seconds = seconds
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._record.status = message["status"]
            message = {
                **message,
                "headers": [
                    *message["headers"],
                    *_SECURITY,
                    (b"x-request-id", self._record.id.encode()),
                ],
            }
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            raise ClientGoneError from None


def _noting_the_end(receive: Receive, record: Record) -> Receive:
    """The same, which puts on record when all of the body was taken."""

    async def noting() -> Message:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            record.body_read = True
        return message

    return noting


def _error_response(error: ApiError, scope: Scope, receive: Receive, record: Record) -> ASGIApp:
    status, body = error_shape(error, record)
    response = JSONResponse(body, status, error.headers)
    has_body = scope["method"] not in {"GET", "HEAD"} and not record.body_read
    is_slow = error.code == "request_timeout"

    async def answer(scope: Scope, receive_: Receive, send: Send) -> None:
        if has_body:
            if not is_slow:
                await discard_body(receive)
            response.raw_headers.append(_CLOSE)
        await response(scope, receive_, send)

    return answer


def _abort(scope: Scope) -> None:
    """End the connection without waiting for what was not read."""
    abort = scope.get("state", {}).get("ppocrvl.abort")
    if abort is not None:
        abort()
