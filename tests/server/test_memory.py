# SPDX-License-Identifier: Apache-2.0
"""What requests hold: bytes that are counted, places, fetches, threads."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.server.in_process import PromptEngine, make_state, result, run
from tests.server.running import data_uri, error_of, question
from tests.waiting import SECONDS

import ppocrvl.server.lifecycle
import ppocrvl.server.loading
from ppocrvl.cli.main import run_command
from ppocrvl.errors import EngineError
from ppocrvl.server.admission import ByteBudget
from ppocrvl.server.app import build_app
from ppocrvl.server.auth import Keys
from ppocrvl.server.codes import ApiError
from ppocrvl.server.fetch import Fetcher
from ppocrvl.server.gate import Access
from ppocrvl.support.resources import started_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from ppocrvl.requests.results import Result
    from ppocrvl.server.admission import Share

PICTURE = b"p" * (6 << 20)
SLACK = 1 << 20
URL = "https://pictures.example/a.png"


def form(data: bytes) -> dict[str, Any]:
    return {"files": {"image": data}}


BODIES: dict[str, tuple[str, Callable[[bytes], dict[str, Any]]]] = {
    "form": ("/v1/ocr", form),
    "json": ("/v1/ocr", lambda data: {"json": {"image": data_uri(data)}}),
    "chat": ("/v1/chat/completions", lambda data: {"json": question(data)}),
}


@pytest.mark.parametrize("kind", BODIES)
def test_what_is_held_while_a_picture_is_read_is_counted(kind: str) -> None:
    path, body = BODIES[kind]
    sent = body(PICTURE)
    held: list[tuple[int, int]] = []

    async def read(picture: object) -> Result:
        assert picture == PICTURE
        gc.collect()
        held.append((tracemalloc.get_traced_memory()[0], state.uploads.held))
        return result()

    state = make_state(PromptEngine(read))

    async def talk(client: httpx2.AsyncClient) -> None:
        request = client.build_request("POST", path, **sent)
        content = request.read()  # what the client itself holds is there before
        await client.get("/health")
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            headers = {"content-type": request.headers["content-type"]}
            answer = await client.post(path, content=content, headers=headers)
        finally:
            tracemalloc.stop()
        assert answer.is_success, answer.text
        ((now, counted),) = held
        assert counted == len(PICTURE)
        assert now - before <= counted + SLACK

    run(state, talk)


PARSE = """
import resource, sys
from ppocrvl.server.parsing import read_json
from ppocrvl.server.schemas import OcrRequest
piece = b"AAAAAAAA" if sys.argv[1] == "plain" else b"AAAAAA" + bytes([92]) + b"/"
body = bytearray(b'{"image": "' + piece * 4_000_000 + b'"}')
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (int(sys.argv[2]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read_json(OcrRequest, body)
except MemoryError:
    print("MemoryError")
else:
    print("read")
"""


@pytest.mark.parametrize("kind", ["plain", "escaped"])
def test_a_body_that_is_too_large_for_the_memory(kind: str) -> None:
    """It is read or refused, at every limit; pydantic's own parser panics or hangs."""
    outcomes = []
    for mebibytes in (4, 16, 24, 40, 200):
        done = subprocess.run(
            [sys.executable, "-c", PARSE, kind, str(mebibytes)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outcomes.append(done.stdout.strip())
    assert outcomes[0] == "MemoryError"
    assert outcomes[-1] == "read"


class WaitingFetcher:
    """Gives a picture when it is told to.

    Attributes:
        began: set once a fetch has begun.
        go_on: lets it end.
        cancelled: fetches that were given up.
    """

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = 0

    async def fetch(self, url: str, share: Share) -> bytes:
        assert url == URL
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        share.add(7)
        return b"fetched"


async def read_any(_: object) -> Result:
    return result()


def test_a_fetch_holds_no_place() -> None:
    """The only place is free for others while a slow host lets somebody wait."""
    fetcher = WaitingFetcher()
    state = make_state(PromptEngine(read_any), cast("Fetcher", fetcher), places=1)

    async def talk(client: httpx2.AsyncClient) -> None:
        waiting = asyncio.create_task(client.post("/v1/ocr", json={"image": URL}))
        await fetcher.began.wait()
        assert state.admission.inside == 0
        assert (await client.post("/v1/ocr", files={"image": b"other"})).is_success
        fetcher.go_on.set()
        assert (await waiting).is_success

    run(state, talk)


def test_a_fetch_ends_at_the_deadline() -> None:
    fetcher = WaitingFetcher()
    state = make_state(PromptEngine(read_any), cast("Fetcher", fetcher))

    async def talk(client: httpx2.AsyncClient) -> None:
        answer = await client.post("/v1/ocr", json={"image": URL, "deadline": 0.05})
        assert error_of(answer, 408) == "deadline_exceeded"

    run(state, talk)


def test_a_fetch_for_a_client_that_goes_away_ends() -> None:
    fetcher = WaitingFetcher()
    state = make_state(PromptEngine(read_any), cast("Fetcher", fetcher))
    bodies = [json.dumps({"image": URL}).encode()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/ocr",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop()}
        await fetcher.began.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pytest.fail("nobody is there")

    async def serve() -> None:
        async with asyncio.timeout(SECONDS):
            await build_app(state, Access(Keys([])))(scope, receive, send)

    asyncio.run(serve())
    state.parser.shutdown()
    state.writer.shutdown()
    assert fetcher.cancelled == 1
    assert state.uploads.held == state.admission.inside == 0


def test_fetches_at_once() -> None:
    """A further one is refused, and the next is not once there is room."""

    async def check() -> None:
        began, go_on = asyncio.Event(), asyncio.Event()

        async def resolve(host: str, port: int) -> list[str]:
            del host, port
            began.set()
            await go_on.wait()
            raise OSError

        fetcher = Fetcher(100, resolve=resolve, at_once=1)
        share = ByteBudget(100).share()
        first = asyncio.create_task(fetcher.fetch(URL, share))
        await began.wait()
        with pytest.raises(ApiError) as refused:
            await fetcher.fetch(URL, share)
        assert refused.value.code == "server_busy"
        assert refused.value.headers["retry-after"] == "1"
        go_on.set()
        for fetch in (first, fetcher.fetch(URL, share)):
            with pytest.raises(ApiError) as failed:
                await fetch
            assert failed.value.code == "url_fetch_failed"
        await fetcher.aclose()

    asyncio.run(check())


def test_all_threads_are_started() -> None:
    def running() -> int:
        return sum(thread.name.startswith("started-pool") for thread in threading.enumerate())

    pool = started_pool(3, "started-pool", "a test")
    assert running() == 3
    assert pool.submit(int, "7").result() == 7
    pool.shutdown()
    assert running() == 0


def test_threads_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(EngineError, match="cannot start a thread"):
        started_pool(2, "test", "a test")
    started[0].join(SECONDS)
    assert not started[0].is_alive()


def test_no_request_waits_outside_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take a thread of those that decode pictures."""
    given: dict[str, Any] = {}

    def engine(*_: object, **options: object) -> Any:
        given.update(options)
        return SimpleNamespace(notes=())

    monkeypatch.setattr(ppocrvl.server.loading, "Engine", engine)
    monkeypatch.setattr(ppocrvl.server.lifecycle, "serve", lambda _, load, __: load())
    assert run_command(["serve", "--parallel", "3", "--max-waiting", "5"]) == 0
    assert given["n_parallel"] == 3
    assert given["max_waiting"] > 3 + 5, "all may wait at once, and a probe of the server's own"
