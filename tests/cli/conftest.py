# SPDX-License-Identifier: Apache-2.0
"""The program as a user runs it, a picture, and a hub."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from ppocrvl.cli.main import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Program = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """How a run of the program ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small picture of noise."""
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    noise = np.random.default_rng(3).integers(0, 256, (56, 140, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def environment(endless_model: Path, tmp_path: Path) -> dict[str, str]:
    """The endless model, an empty cache, and nothing of this machine's own hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {
        **kept,
        "PPOCRVL_MODEL": str(endless_model),
        "PPOCRVL_CACHE_DIR": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hf"),
    }


@pytest.fixture
def ppocrvl_program(environment: dict[str, str]) -> Program:
    """Runs `ppocrvl …` to its end, in this process, which saves a second each time."""

    def run(*arguments: object, stdin: bytes = b"", **more: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**environment, **more}, clear=True),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run_command([str(argument) for argument in arguments])
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def ppocrvl_process(environment: dict[str, str]) -> Program:
    """Runs `ppocrvl …` to its end, as the process that a user starts."""

    def run(*arguments: object, stdin: bytes = b"", **more: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ppocrvl", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={**environment, **more},
            timeout=100,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A model hub of one repository: what it serves, how it misbehaves, what was asked of it."""

    files: dict[str, bytes]
    repo: str = "owner/model"
    stated_hash: str | None = None
    """Given out for every file in place of its own."""
    breaks: list[int] = field(default_factory=list)
    """The next downloads end after so many bytes each, without a word."""
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    """File and Range header of each download."""
    half_sent: Callable[[str], object] = lambda _: None
    """Called with a file's name once half of it is sent."""
    commit: str = REVISION
    """What the listing says."""
    states_hashes: bool = True
    url: str = ""

    def listing(self) -> dict[str, Any]:
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": "0" * 40,
                "lfs": {
                    "sha256": self.stated_hash or hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 134,
                }
                if self.states_hashes
                else None,
            }
            for name, data in self.files.items()
        ]
        return {"id": self.repo, "modelId": self.repo, "sha": self.commit, "siblings": siblings}


def serve_hub(hub: Hub) -> ThreadingHTTPServer:
    """Start a server that plays the hub, in a thread; `shutdown` and `server_close` end it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            if re.fullmatch(rf"/api/models/{hub.repo}(/revision/[^/?]+)?(\?.*)?", self.path):
                self.answer(200, json.dumps(hub.listing()).encode())
                return
            match = re.fullmatch(rf"/{hub.repo}/resolve/{hub.commit}/([^?]+)", self.path)
            if match is None or match[1] not in hub.files:
                self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
                return
            self.send_file(match[1])

        def send_file(self, name: str) -> None:
            data = hub.files[name]
            wanted = self.headers.get("Range")
            hub.ranges.append((name, wanted))
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if start >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers = (
                {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
            )
            body = data[start : start + hub.breaks.pop(0)] if hub.breaks else data[start:]
            self.answer(
                206 if start else 200,
                body,
                headers,
                promised=len(data) - start,
                half_sent=lambda: hub.half_sent(name),
            )

        def answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            promised: int | None = None,
            half_sent: Callable[[], object] = lambda: None,
        ) -> None:
            length = len(body) if promised is None else promised
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            half_sent()
            self.wfile.write(body[len(body) // 2 :])
            self.close_connection = length != len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def served(endless_model: Path) -> Iterator[Hub]:
    """A hub that serves the endless model."""
    llm, mmproj = sorted(endless_model.iterdir(), key=lambda path: path.name.startswith("mmproj"))
    hub = Hub(
        {
            "model-BF16.gguf": llm.read_bytes(),
            "mmproj-model-BF16.gguf": mmproj.read_bytes(),
            "README.md": b"hello",
        }
    )
    server = serve_hub(hub)
    yield hub
    server.shutdown()
    server.server_close()
