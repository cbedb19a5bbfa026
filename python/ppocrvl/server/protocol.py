# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP/1.1 protocol with what a server for strangers needs beyond it.

A time limit for headers (uvicorn has one for idle connections alone), a limit on connections that
is answered as an error object, an end for connections whose client reads nothing, and answers for
clients that shut down their side once they have sent a request (`nc -N`, socat).

A client that is gone looks the same as one of these, until something is sent to it: then its system
says that nobody is there. So it is sent what means nothing: an interim response before the answer,
what the answer has as a filler within it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ppocrvl.server.codes import CODES, ApiError

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from ppocrvl.server.server_limits import ServerLimits


FILLER = "ppocrvl.filler"
"""Key of the scope: what may be sent at any time in an answer that comes in parts."""

_BEFORE_ANSWER = (h11.IDLE, h11.SEND_RESPONSE)
_FIRST_LOOK_SECONDS = 0.25  # most answers are complete by then
_RECEIVED = memoryview(bytearray(32 * 1024))
"""Where asyncio puts what arrives, of one connection at a time. Else it would ask for memory
itself, and close the connection without an answer where there is none."""
_NO_MEMORY = ("server_busy", "there is too little memory now; try again later")


def protocol_class(limits: ServerLimits) -> type[H11Protocol]:
    """The protocol with these limits."""

    class LimitedProtocol(_Protocol):
        _limits = limits

    return LimitedProtocol


class _Protocol(H11Protocol, asyncio.BufferedProtocol):
    _limits: ServerLimits

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "ppocrvl.abort": self._abort}, _loop)
        self._header_timer: asyncio.TimerHandle | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._is_half_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._refuse("server_busy", "too many connections; try again later")
        else:
            self._watch_headers()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        try:
            data = bytes(_RECEIVED[:nbytes])
        except MemoryError:
            self._refuse(*_NO_MEMORY)
        else:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except MemoryError:
            self._refuse(*_NO_MEMORY)
        else:
            self._watch_headers()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; it may still read. False closes the connection."""
        self._is_half_closed = True
        if self._look_timer is None and self._can_ask():
            self._look_later(_FIRST_LOOK_SECONDS)
        return self._can_ask()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_half_closed and not self._can_ask():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        if self._look_timer is not None:
            self._look_timer.cancel()
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

    def _can_ask(self) -> bool:
        """Whether an answer is due to a client that can be asked whether it is there."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return (
            cycle is not None
            and not (cycle.more_body or cycle.response_complete)
            and cycle.scope["http_version"] != "1.0"  # knows no interim responses
            and not self.config.is_ssl  # asyncio closes TLS connections all the same
        )

    def _look_later(self, seconds: float) -> None:
        self._look_timer = self.loop.call_later(seconds, self._look, seconds)

    def _look(self, seconds: float) -> None:
        """Whether the client has gone since it was asked; else it is asked once more."""
        self._look_timer = None
        if self.transport.is_closing() or not self._can_ask():
            return
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._abort()
            return
        if not self.transport.get_write_buffer_size():  # what waits there asks as well
            self._ask()
        self._look_later(2 * seconds)

    def _ask(self) -> None:
        event: h11.InformationalResponse | h11.Data
        if not self.cycle.response_started:
            event = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
        elif isinstance(filler := self.cycle.scope.get(FILLER), bytes):
            event = h11.Data(data=filler)
        else:
            return
        self.transport.write(self.conn.send(event) or b"")

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
