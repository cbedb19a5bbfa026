# SPDX-License-Identifier: Apache-2.0
"""Clients that shut down their side once they have sent a request, and read on (`nc -N`)."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvicorn
from tests.server.running import ENDLESS, data_uri, wait_for
from uvicorn.server import ServerState

import ppocrvl.server.protocol
from ppocrvl.server.protocol import FILLER, protocol_class
from ppocrvl.server.server_limits import ServerLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.server.running import Server


def request(body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST /v1/ocr HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + data


def answers(server: Server, sent: bytes) -> list[bytes]:
    """Bodies of the answers to what was sent before the client shut down its side."""
    with server.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(1 << 16):
            received += part
    heads = [one for one in received.split(b"HTTP/1.1 ") if one and not one.startswith(b"100 ")]
    assert all(one.startswith(b"200 ") for one in heads), received
    return [one.partition(b"\r\n\r\n")[2] for one in heads]


def test_an_answer(server: Server, picture: bytes) -> None:
    (body,) = answers(server, request({"image": data_uri(picture)}))
    assert json.loads(body)["results"][0]["finish_reason"] == "stop"


def test_an_answer_in_pieces(server: Server, picture: bytes) -> None:
    (body,) = answers(server, request({"image": data_uri(picture), "stream": True}))
    assert b'"finish_reason":"stop"' in body
    assert body.endswith(b"\r\n0\r\n\r\n")


def test_several_requests_at_once(server: Server, picture: bytes) -> None:
    """Both are answered, and the connection is closed after the last."""
    one = request({"image": data_uri(picture), "max_tokens": 1})
    assert len(answers(server, one + one)) == 2


def test_half_a_request(server: Server, picture: bytes) -> None:
    """There is nothing that could be answered."""
    assert answers(server, request({"image": data_uri(picture)})[:-1]) == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_takes_long(endless_server: Server, noise: bytes, *, stream: bool) -> None:
    """The client is asked meanwhile whether it is there, in a way that it need not notice."""
    asked = {"image": data_uri(noise), **ENDLESS, "max_tokens": 3000, "stream": stream}
    (body,) = answers(endless_server, request(asked))
    assert b'"length"' in body


def test_a_client_that_goes_away_while_it_waits(endless_server: Server, noise: bytes) -> None:
    """Its answer has begun, and nothing of it is there yet."""
    wait_for(lambda: endless_server.inside() == 0)
    asked = request({"image": data_uri(noise), **ENDLESS, "stream": True})
    with endless_server.connect() as reading:
        reading.sendall(asked)
        received = b""
        while b'"piece"' not in received:
            received += reading.recv(1 << 16)
        with endless_server.connect() as waiting:
            waiting.sendall(asked)
            assert waiting.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert endless_server.inside() == 2
        wait_for(lambda: endless_server.inside() == 1)
    wait_for(lambda: endless_server.inside() == 0)


class Loop:
    """Runs nothing by itself."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], None]] = []

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: object) -> Timer:
        del seconds
        timer = Timer(self.timers, lambda: call(*arguments))
        self.timers.append(timer.call)
        return timer

    def create_task(self, coroutine: Coroutine[None, None, None], **_: object) -> Timer:
        coroutine.close()
        return Timer([], lambda: None)

    def run_timer(self) -> None:
        (timer,) = self.timers
        self.timers.clear()
        timer()


class Timer:
    def __init__(self, timers: list[Callable[[], None]], call: Callable[[], None]) -> None:
        self._timers = timers
        self.call = call

    def cancel(self) -> None:
        if self.call in self._timers:
            self._timers.remove(self.call)

    def add_done_callback(self, call: Callable[..., None]) -> None:
        del call


class Connection:
    """A transport and its socket.

    Attributes:
        sent: what was written since it was last looked at.
        error: what the system knows of the connection.
    """

    def __init__(self) -> None:
        self.sent = b""
        self.error = 0
        self.aborted = self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent

    def get_extra_info(self, name: str) -> Any:
        return self if name == "socket" else None

    def getsockopt(self, *_: int) -> int:
        return self.error

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    getsockname = getpeername
    family = socket.AF_INET

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def protocol(loop: Loop, connection: Connection) -> Any:
    """With a request that is complete."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Nothing runs it."""

    config = uvicorn.Config(app, log_config=None, ws="none")
    config.load()
    made = protocol_class(ServerLimits())(
        config, ServerState(), {}, _loop=cast("asyncio.AbstractEventLoop", loop)
    )
    made.connection_made(cast("asyncio.Transport", connection))
    made.data_received(request({}))
    assert loop.timers == []
    return made


def test_a_client_is_asked_before_its_answer(
    protocol: Any, loop: Loop, connection: Connection
) -> None:
    assert protocol.eof_received()
    loop.run_timer()
    assert connection.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    loop.run_timer()
    assert connection.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.error = 32
    loop.run_timer()
    assert connection.aborted
    assert connection.take() == b""
    assert loop.timers == []


def test_a_client_is_asked_within_its_answer(
    protocol: Any, loop: Loop, connection: Connection
) -> None:
    begin: Any = {"type": "http.response.start", "status": 200, "headers": []}
    with pytest.raises(StopIteration):
        protocol.cycle.send(begin).send(None)
    connection.take()
    protocol.cycle.scope[FILLER] = b" "
    assert protocol.eof_received()
    loop.run_timer()
    assert connection.take() == b"1\r\n \r\n"


def test_want_of_memory_for_what_comes(
    protocol: Any, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered, not only cut off."""

    def receive(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(protocol.conn, "receive_data", receive)
    protocol.get_buffer(-1)[:4] = b"more"
    protocol.buffer_updated(4)
    assert connection.take().startswith(b"HTTP/1.1 503 ")
    assert connection.closed


def test_want_of_memory_for_what_was_received(
    protocol: Any, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nothing:
        def __getitem__(self, _: slice) -> bytes:
            raise MemoryError

    monkeypatch.setattr(ppocrvl.server.protocol, "_RECEIVED", Nothing())
    protocol.buffer_updated(4)
    assert connection.take().startswith(b"HTTP/1.1 503 ")
    assert connection.closed


def test_asyncio_asks_for_no_memory_to_receive() -> None:
    assert issubclass(protocol_class(ServerLimits()), asyncio.BufferedProtocol)


def test_a_client_that_cannot_be_asked(loop: Loop, protocol: Any) -> None:
    """HTTP/1.0 has no interim responses: who closes its side has gone."""
    protocol.cycle.scope["http_version"] = "1.0"
    assert not protocol.eof_received()
    assert loop.timers == []
