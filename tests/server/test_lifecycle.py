# SPDX-License-Identifier: Apache-2.0
"""Starting, loading, and ending in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx2
import pytest
from tests.server.running import ENDLESS, Server, error_of, question, wait_for
from tests.waiting import SECONDS

from ppocrvl.errors import ExitCode
from ppocrvl.server import lifecycle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import StartServer


def listens(running: Server) -> bool:
    """Whether a new connection is taken."""
    try:
        running.connect().close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_lets_what_runs_finish(
    start_server: StartServer, endless_model: Path, noise: bytes, number: int
) -> None:
    running = start_server(
        *("--model", endless_model, "--parallel", 1),
        *("--max-tokens", 100_000, "--kv-tokens", 131_072, "--drain-seconds", 900),
    ).wait_ready()
    body = question(noise, **{**ENDLESS, "max_tokens": 8000, "stream": True})
    address = f"{running.url}/v1/chat/completions"
    with httpx2.stream("POST", address, json=body, timeout=SECONDS) as answer:
        running.process.send_signal(number)
        wait_for(lambda: not listens(running))
        assert running.process.poll() is None
        text = answer.read().decode()
    assert text.endswith("data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert events[-1]["ppocrvl"][0]["timings"]["generated_tokens"] == 8000
    assert running.end() == 0


def test_notes_of_the_engine_are_logged(start_server: StartServer, endless_model: Path) -> None:
    running = start_server("--model", endless_model, "--threads", 1024, "--device", "cpu")
    running.wait_ready()
    warnings = [line for line in running.log if '"warning"' in line]
    assert any("n_threads is 1024, but this process may use" in line for line in warnings)


def test_ending_has_a_limit(start_server: StartServer, endless_model: Path, noise: bytes) -> None:
    running = start_server(
        *("--model", endless_model, "--drain-seconds", 1),
        *("--max-tokens", 100_000, "--kv-tokens", 131_072),
    ).wait_ready()
    answers: list[httpx2.Response] = []
    body = question(noise, **ENDLESS)
    thread = threading.Thread(
        target=lambda: answers.append(running.post("/v1/chat/completions", json=body))
    )
    thread.start()
    wait_for(lambda: running.inside() == 1)
    assert running.stop() == 0
    thread.join()
    assert error_of(answers[0], 503) == "shutting_down"


def test_a_second_signal_ends_at_once(
    start_server: StartServer, endless_model: Path, noise: bytes
) -> None:
    running = start_server(
        *("--model", endless_model, "--max-tokens", 100_000, "--kv-tokens", 131_072)
    ).wait_ready()
    body = question(noise, **{**ENDLESS, "stream": True})
    address = f"{running.url}/v1/chat/completions"
    with httpx2.stream("POST", address, json=body, timeout=SECONDS):
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert running.process.poll() is None
        assert running.stop(signal.SIGINT) == 0


def before_loading(tmp_path: Path, code: str) -> dict[str, str]:
    """Environment of a server that runs this whenever it is about to load the model.

    Python imports a module of this name at its start.
    """
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\n"
        "import ppocrvl.engine.engine as engine\n"
        "loaded = engine.Engine.__init__\n"
        "def __init__(self, *a, **k):\n"
        f"    {code}\n"
        "    loaded(self, *a, **k)\n"
        "engine.Engine.__init__ = __init__\n",
        encoding="utf-8",
    )
    return {"PYTHONPATH": str(tmp_path)}


def test_the_server_answers_while_the_model_loads(
    start_server: StartServer, noise: bytes, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    waits = f"while not os.path.exists({str(go_on)!r}): time.sleep(0.01)"
    running = start_server(**before_loading(tmp_path, waits))
    answer = running.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "model_loading"
    answer = running.post("/v1/ocr", files={"image": noise})
    assert error_of(answer, 503) == "model_loading"
    assert int(answer.headers["retry-after"]) > 0
    assert running.get("/v1/models").is_success
    go_on.touch()
    running.wait_ready()
    assert running.post("/v1/ocr", files={"image": noise}, data={"max_tokens": 1}).is_success


@pytest.mark.parametrize("error", ["RuntimeError('no thread')", "MemoryError()", "OSError(28)"])
def test_loading_that_fails_ends_the_server(
    start_server: StartServer, tmp_path: Path, error: str
) -> None:
    """With one line, whatever it failed with: a server that loads for ever helps nobody."""
    running = start_server(**before_loading(tmp_path, f"raise {error}"))
    assert running.end() == ExitCode.ENGINE
    assert running.log[-1].startswith("ppocrvl: error: the model cannot be loaded: ")
    assert error.partition("(")[0] in running.log[-1]


def test_an_engine_that_cannot_read_ends_the_server(
    start_server: StartServer, tmp_path: Path
) -> None:
    """It is not said to be ready."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ppocrvl.engine.engine as engine\n"
        "from ppocrvl.errors import EngineError\n"
        "async def aocr(self, *a, **k):\n"
        "    raise EngineError('no thread')\n"
        "engine.Engine.aocr = aocr\n",
        encoding="utf-8",
    )
    running = start_server(PYTHONPATH=str(tmp_path))
    assert running.end() == ExitCode.ENGINE
    assert running.log[-1] == "ppocrvl: error: no thread\n"


def serve(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A server that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "ppocrvl", "serve", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_errors_at_the_start(endless_model: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve("--port", taken.getsockname()[1])
    assert done.returncode == ExitCode.USAGE
    assert "cannot listen" in done.stderr
    broken = tmp_path / "model"
    broken.mkdir()
    for path in endless_model.iterdir():
        data = path.read_bytes()
        (broken / path.name).write_bytes(data[: len(data) // 2])
    for arguments, code, why in (
        (("--model", "nowhere"), ExitCode.MODEL, "cannot open the model"),
        (("--model", broken, "--port", 0), ExitCode.MODEL, "truncated"),
        (("--port", 0, "--parallel", 0), ExitCode.USAGE, "n_parallel"),
        (("--port", 0, "--vision-device", "vulkan:7"), ExitCode.USAGE, "vision_device must be"),
        (("--port", 0, "--max-pictures", 0), ExitCode.USAGE, "max_pictures"),
        (("--port", 0, "--tls-cert", "a"), ExitCode.USAGE, "go together"),
        (("--port", 0, "--tls-cert", "a", "--tls-key", "b"), ExitCode.USAGE, "cannot be used"),
        (("--port", 0, "--fetch-network", "10.0.0.1/8"), ExitCode.USAGE, "host bits"),
        (("--port", 99_999), ExitCode.USAGE, "port must be"),
    ):
        done = serve(*arguments)
        assert done.returncode == code, done.stderr
        assert why in done.stderr
        assert "Traceback" not in done.stderr


def test_the_loop_goes_on_after_a_fault(server: Server) -> None:
    """Many kinds of nonsense on one connection after the other, and the process is alive."""
    for nonsense in (b"\0" * 100, b"GET", b"POST / HTTP/9.9\r\n\r\n", b"\r\n" * 50, b"a" * 70_000):
        # The server may end the connection at any moment; what is sent or asked then is an error.
        with server.connect() as connection, contextlib.suppress(OSError):
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
    assert server.get("/health").is_success


def test_small_answers_are_sent_at_once() -> None:
    """Without it the second part of an answer waits 40 ms for an acknowledgement of the first."""
    options: list[int] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        accepted = writer.get_extra_info("socket")
        options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        async with await asyncio.start_server(accept, sock=lifecycle._listen("127.0.0.1", 0)) as on:
            reader, writer = await asyncio.open_connection(*on.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())
    assert options
    assert all(options)
