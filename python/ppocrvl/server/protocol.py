# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP/1.1 protocol with what a server for strangers needs beyond it.

A time limit for headers (uvicorn has one for idle connections alone), a limit on connections that
is answered as an error object, and an end for connections whose client reads nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ppocrvl.server.codes import CODES, ApiError

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from ppocrvl.server.limits import Limits


_BEFORE_ANSWER = (h11.IDLE, h11.SEND_RESPONSE)


def protocol_class(limits: Limits) -> type[H11Protocol]:
    """The protocol with these limits."""

    class LimitedProtocol(_Protocol):
        _limits = limits

    return LimitedProtocol


class _Protocol(H11Protocol):
    _limits: Limits

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "ppocrvl.abort": self._abort}, _loop)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._refuse("server_busy", "too many connections; try again later")
        else:
            self._watch_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # Closed, but only once all is sent: not for ever.
        self.loop.call_later(self._limits.send_seconds, self._abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with an error object. Called where h11's error is caught."""
        error = sys.exc_info()[1]
        if getattr(error, "error_status_hint", 400) == 431:
            limit = self._limits.max_header_bytes
            self._refuse("headers_too_large", f"the headers are over the limit of {limit:,} bytes")
        else:
            self._refuse("bad_http", msg)

    def _watch_headers(self) -> None:
        """A complete header must come in time, on a new connection and on one that goes on."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(self._limits.header_seconds, self._too_slow)

    def _stop_watching(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if self.conn.their_state is h11.IDLE:
            seconds = self._limits.header_seconds
            self._refuse("request_timeout", f"the headers did not come within {seconds:g} seconds")

    def _refuse(self, code: str, message: str) -> None:
        """Answer and close, where no application can."""
        self._stop_watching()
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # the application has nobody to talk to any more
            cycle.message_event.set()
        if self._can_answer():
            body = json.dumps(ApiError(code, message).to_dict()).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=CODES[code].status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self.loop.call_later(self._limits.send_seconds, self._abort)

    def _can_answer(self) -> bool:
        state = self.conn.our_state
        return not self.transport.is_closing() and any(state is one for one in _BEFORE_ANSWER)

    def _abort(self) -> None:
        self.transport.abort()
