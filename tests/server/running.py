# SPDX-License-Identifier: Apache-2.0
"""A server as users start it, and what the tests ask it."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2
from tests.waiting import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    StartServer = Callable[..., "Server"]


class Server:
    """A running server.

    Args:
        arguments: of `ppocrvl serve`.
        address_space: the bytes that it may have, by prlimit.
        environment: more of it.

    Attributes:
        url: without a slash at the end.
        process: it.
        log: the lines of its stderr so far.
    """

    def __init__(
        self, *arguments: object, address_space: int | None = None, **environment: str
    ) -> None:
        limit = [] if address_space is None else ["prlimit", f"--as={address_space}:"]
        command = [*limit, sys.executable, "-m", "ppocrvl", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            env={**_environment(), **environment},
        )
        self.log: list[str] = []
        self.url = ""
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(listening,), daemon=True)
        self._reader.start()
        assert listening.wait(SECONDS), self.log
        assert self.url, self.log

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The log lines of requests."""
        values = [json.loads(line) for line in self.log if line.startswith("{")]
        return [one for one in values if one["event"] == "request"]

    def wait_ready(self) -> Server:
        wait_for(lambda: httpx2.get(f"{self.url}/health", timeout=SECONDS).status_code == 200)
        return self

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=SECONDS, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, timeout=SECONDS, **options)

    def inside(self) -> int:
        """Pictures that are read or wait."""
        return int(self.get("/health").json()["pictures"])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def _read_log(self, listening: threading.Event) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listening on (http\S+)", line):
                self.url = found[1]
                listening.set()
        listening.set()


def wait_for(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Waits until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("PPOCRVL_")}


ENDLESS: dict[str, Any] = {
    "max_tokens": 10_000_000,
    "stop_loops": False,
}
"""What makes a request to the endless model go on for as long as the server lets it."""


def data_uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def question(data: bytes, text: str = "OCR:", **more: Any) -> dict[str, Any]:
    """The body of a chat completion about a picture."""
    content = [
        {"type": "image_url", "image_url": {"url": data_uri(data)}},
        {"type": "text", "text": text},
    ]
    return {"model": "any", "messages": [{"role": "user", "content": content}], **more}


def error_of(response: httpx2.Response, status: int) -> str:
    """The code of an error answer, which must be an OpenAI error object of this status."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert "Traceback" not in response.text
    return str(error["code"])
