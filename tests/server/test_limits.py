# SPDX-License-Identifier: Apache-2.0
"""ServerLimits, backpressure, deadlines, and clients that go away or dawdle."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import threading
import zlib
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image
from tests.server.running import (
    ENDLESS,
    Server,
    data_uri,
    error_of,
    question,
    wait_for,
)
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.server.admission import Admission, ByteBudget
from ppocrvl.server.app import build_app
from ppocrvl.server.auth import Keys
from ppocrvl.server.engine_service import EngineService
from ppocrvl.server.gate import Access
from ppocrvl.server.metrics import Metrics
from ppocrvl.server.pictures import PictureLoader
from ppocrvl.server.server_limits import ServerLimits
from ppocrvl.server.state import State

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import StartServer


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with narrow limits."""
    running = Server(
        *("--max-body-bytes", 60_000, "--max-picture-bytes", 30_000, "--max-pictures", 2),
        *("--max-image-pixels", 100_000, "--max-tokens", 4, "--max-header-bytes", 4096),
        *("--header-seconds", 1.5, "--body-seconds", 1.5),
    ).wait_ready()
    yield running
    assert running.stop() == 0
    assert not [line for line in running.log if "fault" in line]


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it has this size, with this in place of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_body(small: Server) -> None:
    answer = small.post("/v1/ocr", content=b"x" * 70_000)
    assert error_of(answer, 413) == "body_too_large"

    def without_length() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    assert error_of(small.post("/v1/ocr", content=without_length()), 413) == "body_too_large"


def test_picture_bytes(small: Server) -> None:
    large = b"x" * 31_000
    assert error_of(small.post("/v1/ocr", files={"image": large}), 413) == "image_too_large"
    answer = small.post("/v1/chat/completions", json=question(large))
    assert error_of(answer, 413) == "image_too_large"


def test_bombs(small: Server) -> None:
    """Refused by the size in the header; a few bytes that would be gigabytes of pixels."""
    for bomb in (png(60_000, 60_000), png(2_000_000_000, 2_000_000_000), png(400, 300)):
        answer = small.post("/v1/ocr", files={"image": bomb})
        assert error_of(answer, 413) == "image_too_large"
    lying = png(100, 100, b"\0" * 10_000_000)  # far more data than pixels
    assert small.post("/v1/ocr", files={"image": lying}).status_code in {200, 400}
    text = png(10, 10)  # with a compressed text of 100 MB
    body = b"k\0\0" + zlib.compress(b"\0" * 100_000_000, 9)[:29_000]
    bomb = text[:33] + struct.pack(">I", len(body)) + b"zTXt" + body
    bomb += struct.pack(">I", zlib.crc32(b"zTXt" + body)) + text[33:]
    assert error_of(small.post("/v1/ocr", files={"image": bomb[:30_000]}), 400) == "invalid_image"


def test_number_of_pictures(small: Server, picture: bytes) -> None:
    three = [("image", picture)] * 3
    assert error_of(small.post("/v1/ocr", files=three), 400) == "too_many_images"


def test_tokens_are_capped(small: Server, noise: bytes) -> None:
    (result,) = small.post("/v1/ocr", files={"image": noise}).json()["results"]
    assert result["timings"]["generated_tokens"] <= 4
    body = question(noise, max_tokens=9)
    done = small.post("/v1/chat/completions", json=body).json()
    assert done["usage"]["completion_tokens"] == 4
    assert done["choices"][0]["finish_reason"] == "length"


def test_long_prompts(server: Server, noise: bytes) -> None:
    answer = server.post("/v1/chat/completions", json=question(noise, "x" * 40_000))
    assert error_of(answer, 400) == "invalid_request"
    answer = server.post("/v1/chat/completions", json=question(noise, "x y " * 8_000))
    assert error_of(answer, 400) == "context_length_exceeded"


def test_huge_header(small: Server) -> None:
    answer = small.get("/health", headers={"x-long": "x" * 10_000})
    assert error_of(answer, 431) == "headers_too_large"


def test_many_headers(small: Server) -> None:
    headers = {f"x-{number}": "x" * 20 for number in range(300)}
    assert error_of(small.get("/health", headers=headers), 431) == "headers_too_large"


@pytest.mark.parametrize("path", ["/" + "a" * 10_000, "/health?" + "a" * 10_000])
def test_long_address(small: Server, path: str) -> None:
    answer = small.get(path)
    assert error_of(answer, 431) == "headers_too_large"
    assert len(answer.content) < 500


def receive_all(connection: socket.socket) -> bytes:
    """What comes until the connection is closed."""
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def raw(server: Server, sent: bytes) -> tuple[int, dict[str, Any]]:
    """Sends bytes as they are; status and object of the answer, after which the server closes."""
    with server.connect() as connection:
        connection.sendall(sent)
        answer = receive_all(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


def test_no_http(small: Server) -> None:
    status, error = raw(small, b"\x16\x03\x01 hello\r\n\r\n")
    assert (status, error["code"]) == (400, "bad_http")


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: loc"])
def test_slow_headers(small: Server, sent: bytes) -> None:
    status, error = raw(small, sent)
    assert (status, error["code"]) == (408, "request_timeout")


def test_slow_headers_of_a_second_request(small: Server) -> None:
    with small.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b'"limit"' not in answer:
            answer += connection.recv(65_536)
        connection.sendall(b"GET /hea")
        answer = receive_all(connection)
    assert answer.startswith(b"HTTP/1.1 408")


def test_slow_body(small: Server) -> None:
    head = b"POST /v1/ocr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    status, error = raw(small, head + b"{")
    assert (status, error["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        b"POST /v1/ocr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
    ],
)
def test_what_comes_in_drops(small: Server, head: bytes) -> None:
    """Slow loris: the limit is for the whole, not for the time between two bytes."""
    answer = b""
    with small.connect() as connection:
        connection.sendall(head)
        connection.settimeout(0.1)
        for _ in range(100):
            try:
                connection.sendall(b"x")
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            break
    assert answer.startswith(b"HTTP/1.1 408")


def test_connections(start_server: StartServer) -> None:
    running = start_server("--max-connections", 20).wait_ready()
    held = [running.connect() for _ in range(20)]
    try:
        statuses = set()
        for _ in range(5):
            with running.connect() as connection:
                statuses.add(connection.recv(100).split()[1])
        assert b"503" in statuses
    finally:
        for connection in held:
            connection.close()
    wait_for(lambda: running.get("/health").status_code == 200)


@pytest.fixture
def idle(endless_server: Server) -> Server:
    """The endless server with nothing to do."""
    wait_for(lambda: endless_server.inside() == 0)
    return endless_server


def endless(noise: bytes, **more: Any) -> dict[str, Any]:
    return question(noise, **{**ENDLESS, **more})


def raw_question(noise: bytes, *, stream: bool) -> bytes:
    """A request that goes on for long, as bytes."""
    body = json.dumps(endless(noise, stream=stream)).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_full_queue(idle: Server, noise: bytes) -> None:
    """One decodes, one waits, a third is refused, and so are too many at once."""
    with (
        httpx2.stream("POST", f"{idle.url}/v1/chat/completions", json=endless(noise, stream=True)),
        httpx2.stream("POST", f"{idle.url}/v1/chat/completions", json=endless(noise, stream=True)),
    ):
        assert idle.inside() == 2
        answer = idle.post("/v1/ocr", files={"image": noise})
        assert error_of(answer, 429) == "queue_full"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert idle.get("/health").status_code == 200
    wait_for(lambda: idle.inside() == 0)
    assert error_of(idle.post("/v1/ocr", files=[("image", noise)] * 3), 429) == "queue_full"
    assert idle.post("/v1/ocr", files={"image": noise}, data={"max_tokens": 2}).is_success


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(
    idle: Server, noise: bytes, *, stream: bool
) -> None:
    with idle.connect() as connection:
        connection.sendall(raw_question(noise, stream=stream))
        wait_for(lambda: idle.inside() == 1)
        if stream:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    wait_for(lambda: idle.inside() == 0, seconds=5)
    answer = idle.post("/v1/ocr", files={"image": noise}, data={"max_tokens": 2})
    assert answer.is_success, "the engine still reads for nobody"


def test_clients_that_go_away_at_any_moment(idle: Server, noise: bytes) -> None:
    sent = raw_question(noise, stream=True)
    head = sent.index(b"\r\n\r\n")
    for cut in (10, head, len(sent) // 2, len(sent) - 1, len(sent), len(sent)):
        with idle.connect() as connection:
            connection.sendall(sent[:cut])
    wait_for(lambda: idle.inside() == 0, seconds=5)
    answer = idle.post("/v1/ocr", files={"image": noise}, data={"max_tokens": 2})
    assert answer.is_success


def state_without_model(send_seconds: float = SECONDS) -> State:
    """For the application alone."""
    limits = ServerLimits(send_seconds=send_seconds)
    admission, pages = Admission(1, 1), Admission(0, 1, "pages")
    return State(
        name="none",
        limits=limits,
        admission=admission,
        pages=pages,
        uploads=ByteBudget(1 << 20),
        pictures=PictureLoader(limits, None),
        metrics=Metrics(admission, pages),
    )


def test_a_slow_reader_does_not_hold_the_engine(endless_model: Path, noise: bytes) -> None:
    """Its place is free when the engine is done, though the client has read nothing by then.

    The application alone: what the kernel buffers cannot be limited from here.
    """
    state = state_without_model()
    body = json.dumps({"image": data_uri(noise), "stream": True, "max_tokens": 300}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/ocr",
        "headers": [(b"content-type", b"application/json")],
    }
    bodies = [body]
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if not bodies:
            await asyncio.sleep(SECONDS)
        return {"type": "http.request", "body": bodies.pop()}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            while state.admission.inside:  # forever, if what is sent held the place
                await asyncio.sleep(0.01)
            sent.append(message["body"])

    async def serve() -> None:
        async with asyncio.timeout(SECONDS):
            await build_app(state, Access(Keys([])))(scope, receive, send)

    with ppocrvl.Engine(endless_model) as engine:
        state.service = EngineService(engine)
        asyncio.run(serve())
    done = json.loads(b"".join(sent).splitlines()[-1])
    assert done["timings"]["generated_tokens"] == 300


def test_a_client_that_reads_nothing_is_let_go() -> None:
    """The application alone: what the kernel buffers cannot be limited from here."""
    aborted: list[bool] = []
    app = build_app(state_without_model(send_seconds=0.1), Access(Keys([])))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "headers": [],
        "state": {"ppocrvl.abort": lambda: aborted.append(True)},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    asyncio.run(app(scope, receive, send))
    assert aborted == [True]


def test_deadline(idle: Server, noise: bytes) -> None:
    answer = idle.post("/v1/chat/completions", json=endless(noise, deadline=6))
    assert answer.status_code == 200
    done = answer.json()
    assert done["choices"][0]["finish_reason"] == "length"
    assert done["choices"][0]["message"]["content"]
    assert done["ppocrvl"][0]["finish_reason"] == "deadline"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/ocr"])
def test_deadline_while_waiting(idle: Server, noise: bytes, path: str) -> None:
    with httpx2.stream("POST", f"{idle.url}/v1/chat/completions", json=endless(noise, stream=True)):
        body = endless(noise, deadline=0.3)
        if path == "/v1/ocr":
            body = {"image": data_uri(noise), "deadline": 0.3}
        assert error_of(idle.post(path, json=body), 408) == "deadline_exceeded"


def test_deadline_of_the_server(
    start_server: StartServer, endless_model: Path, noise: bytes
) -> None:
    running = start_server(
        *("--model", endless_model, "--deadline-seconds", 6),
        *("--max-tokens", 100_000, "--kv-tokens", 131_072),
    ).wait_ready()
    body = endless(noise, deadline=1000)
    done = running.post("/v1/chat/completions", json=body).json()
    assert done["ppocrvl"][0]["finish_reason"] == "deadline"


def test_bytes_of_all_uploads(start_server: StartServer) -> None:
    running = start_server("--max-upload-bytes", 100_000).wait_ready()
    head = b"POST /v1/ocr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
    with running.connect() as connection:
        connection.sendall(head + b"x" * 80_000)
        wait_for(
            lambda: running.post("/v1/ocr", content=b"x" * 50_000).status_code == 503, seconds=5
        )
        answer = running.post("/v1/ocr", content=b"x" * 50_000)
        assert error_of(answer, 503) == "server_busy"
    wait_for(lambda: running.post("/v1/ocr", content=b"x" * 50_000).status_code == 415)


def test_large_pictures_do_not_block_others(start_server: StartServer) -> None:
    """The loop answers while a picture of 40 megapixels is decoded in a thread."""
    out = io.BytesIO()
    Image.effect_noise((6000, 6600), 40).save(out, "JPEG")
    running = start_server("--max-picture-bytes", 64 << 20, "--max-body-bytes", 64 << 20)
    running.wait_ready()
    answers: list[httpx2.Response] = []
    data = {"max_tokens": 1, "min_pixels": 784, "max_pixels": 20_000}
    thread = threading.Thread(
        target=lambda: answers.append(
            running.post("/v1/ocr", files={"image": out.getvalue()}, data=data)
        )
    )
    thread.start()
    during = 0
    while not answers:
        during += running.inside() == 1
    thread.join()
    assert answers[0].is_success
    assert during > 3, "nobody was answered meanwhile"


def test_a_fault_shows_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw: its text and its traceback are in the log alone."""
    state = state_without_model()

    def fail() -> bytes:
        raise RuntimeError("secret of /home/somebody")

    monkeypatch.setattr(state.metrics, "text", fail)
    transport = httpx2.ASGITransport(app=build_app(state, Access(Keys([]))))

    async def run() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/metrics")

    answer = asyncio.run(run())
    assert error_of(answer, 500) == "internal_error"
    for part in ("secret", "/home", "RuntimeError", ".py"):
        assert part not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "secret of /home/somebody" in caplog.text
