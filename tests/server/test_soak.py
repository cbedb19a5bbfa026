# SPDX-License-Identifier: Apache-2.0
"""Two thousand requests of well and badly behaved clients: `pytest -m stress`."""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image
from tests.server.running import Server, error_of, question, wait_for
from tests.waiting import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.stress, pytest.mark.slow, pytest.mark.timeout(1500)]

REQUESTS = 2000
CLIENTS = 16
WARM = 200
GROWTH = 1.05
HEALTH_SECONDS = 0.2
OPTIONS: dict[str, Any] = {"max_tokens": 12, "mm_processor_kwargs": {"min_pixels": 784}}


@dataclass
class Soak:
    """What the requests were answered, and what the server did meanwhile.

    Attributes:
        expected: the text of each picture when it is read alone.
        ends: how often a request ended in each way.
        wrong: what should not have been.
        warm_bytes: resident memory of the server after `WARM` requests.
        end_bytes: after all.
        health: seconds of each look at /health.
    """

    server: Server
    pictures: list[bytes]
    expected: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    warm_bytes: int = 0
    end_bytes: int = 0
    health: list[float] = field(default_factory=list)

    def run(self) -> None:
        """All requests."""
        with httpx2.Client(base_url=self.server.url, timeout=SECONDS) as client:
            for picture in self.pictures:
                answer = client.post("/v1/chat/completions", json=question(picture, **OPTIONS))
                self.expected.append(text_of(answer))
        ended = threading.Event()
        watch = threading.Thread(target=self.watch_health, args=(ended,))
        watch.start()
        try:
            with ThreadPoolExecutor(CLIENTS) as pool:
                for done, end in enumerate(pool.map(self.one, range(REQUESTS)), 1):
                    self.ends[end] += 1  # here: in several threads some would be lost
                    if done == WARM:
                        self.warm_bytes = resident_bytes(self.server)
        finally:
            ended.set()
            watch.join()
        wait_for(lambda: self.server.inside() == 0)
        self.end_bytes = resident_bytes(self.server)

    def one(self, number: int) -> str:
        """One request; what kind it is depends on its number alone. Says how it ended."""
        draw = random.Random(number)
        kinds: list[tuple[str, Callable[[random.Random], str]]] = [
            ("cancelled", self.cancelled),
            ("malformed", self.malformed),
            ("slow", self.slow),
        ]
        name, ask = kinds[number % 10] if number % 10 < len(kinds) else ("read", self.read)
        try:
            return f"{name}, {ask(draw)}"
        except Exception as error:  # noqa: BLE001 - whatever it was, the test is to show it
            self.wrong.append(f"{number}, {name}: {error!r}")
            return f"{name}, wrong"

    def read(self, draw: random.Random) -> str:
        """An ordinary request, whole or in pieces."""
        place = draw.randrange(len(self.pictures))
        stream = draw.random() < 0.5
        body = question(self.pictures[place], stream=stream, **OPTIONS)
        with httpx2.stream(
            "POST", f"{self.server.url}/v1/chat/completions", json=body, timeout=SECONDS
        ) as answer:
            answer.read()
            return self.check(answer, place, stream=stream)

    def slow(self, draw: random.Random) -> str:
        """A client that takes its answer some bytes at a time."""
        place = draw.randrange(len(self.pictures))
        body = question(self.pictures[place], stream=True, **OPTIONS)
        parts = []
        with self.server.connect() as connection:
            connection.sendall(raw(body))
            while part := connection.recv(512):
                parts.append(part)
                time.sleep(0.05)
        head, _, rest = b"".join(parts).partition(b"\r\n\r\n")
        status = int(head.split()[1])
        content = rest
        if b"transfer-encoding: chunked" in head.lower():
            content = b""
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                content += rest[: int(size, 16)]
                rest = rest[int(size, 16) + 2 :]
        return self.check(httpx2.Response(status, content=content), place, stream=True)

    def cancelled(self, draw: random.Random) -> str:
        """A client that goes away: while it sends, while it waits, or while it reads."""
        sent = raw(question(draw.choice(self.pictures), stream=draw.random() < 0.5, **OPTIONS))
        with self.server.connect() as connection:
            connection.sendall(sent[: draw.choice((10, len(sent) // 2, len(sent), len(sent)))])
            time.sleep(draw.choice((0.0, 0.01, 0.1)))
        return "gone"

    def malformed(self, draw: random.Random) -> str:
        """A request that cannot be answered."""
        kind, body, status, code = draw.choice(MALFORMED)
        answer = self.server.post(
            "/v1/chat/completions", content=body, headers={"content-type": kind}
        )
        if answer.status_code == 429:
            return self.refused(answer)
        assert error_of(answer, status) == code
        return "named"

    def check(self, answer: httpx2.Response, place: int, *, stream: bool) -> str:
        """Whether it is the answer to this picture, or a refusal."""
        if answer.status_code == 429:
            return self.refused(answer)
        text = streamed_text(answer.text) if stream else text_of(answer)
        assert text == self.expected[place]
        return "answered"

    @staticmethod
    def refused(answer: httpx2.Response) -> str:
        assert error_of(answer, 429) == "queue_full"
        time.sleep(0.05)
        return "refused"

    def watch_health(self, ended: threading.Event) -> None:
        """Looks again and again, on a connection of its own."""
        with httpx2.Client(base_url=self.server.url, timeout=SECONDS) as client:
            while not ended.wait(0.05):
                begin = time.perf_counter()
                answer = client.get("/health")
                self.health.append(time.perf_counter() - begin)
                if answer.status_code != 200:
                    self.wrong.append(f"health: {answer.text}")


JSON = "application/json"
MALFORMED: list[tuple[str, bytes, int, str]] = [
    (JSON, b'{"messages": [', 400, "invalid_body"),
    (JSON, b"[" * 100_000, 400, "invalid_body"),
    (JSON, b"\xff\xfe", 400, "invalid_body"),
    (JSON, b'{"messages": []}', 400, "invalid_request"),
    (JSON, json.dumps(question(b"no picture")).encode(), 400, "invalid_image"),
    (JSON, json.dumps(question(b"no picture", max_tokens=-1)).encode(), 400, "invalid_request"),
    (JSON, b'{"messages": [{"role": "user", "content": "no picture"}]}', 400, "image_required"),
    ("text/plain", b"hello", 415, "unsupported_media_type"),
]


def raw(body: dict[str, Any]) -> bytes:
    """A request as bytes, after whose answer the server closes."""
    data = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Type: {JSON}",
        f"Content-Length: {len(data)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def text_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def streamed_text(events: str) -> str:
    """The text of server-sent events, which must have come to their end."""
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line[:1] == "d"]
    assert lines[-1] == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
    return "".join(delta.get("content") or "" for delta in deltas)


def resident_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii")
    return int(status.split()[1]) * 4096


@pytest.fixture(scope="module")
def soak(samples: Path) -> Iterator[Soak]:
    """All of it; some minutes."""
    pictures = []
    with Image.open(samples / "hello.png") as whole:
        for left in range(0, 280, 56):
            out = io.BytesIO()
            whole.crop((left, 0, left + 140, 84)).save(out, "PNG")
            pictures.append(out.getvalue())
    # With "deterministic" an answer is that of the picture read alone, to the letter.
    server = Server("--parallel", 4, "--max-waiting", 8, "--deterministic").wait_ready()
    running = Soak(server, pictures)
    running.run()
    yield running
    assert server.stop() == 0
    assert not [line for line in server.log if "fault" in line]


def test_every_request_is_answered_rightly_or_refused(soak: Soak) -> None:
    assert len(set(soak.expected)) == len(soak.expected), (
        "answers that were mixed up would not show"
    )
    assert soak.wrong == []
    assert soak.ends.total() == REQUESTS
    assert soak.ends["read, answered"] > REQUESTS // 3
    assert soak.ends["slow, answered"] > 0
    assert soak.ends["malformed, named"] > 0


def test_memory_does_not_grow(soak: Soak) -> None:
    assert soak.end_bytes <= GROWTH * soak.warm_bytes


@pytest.mark.quiet
def test_health_is_always_quick(soak: Soak) -> None:
    assert len(soak.health) > REQUESTS // 100
    assert max(soak.health) < HEALTH_SECONDS
