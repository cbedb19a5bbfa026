# SPDX-License-Identifier: Apache-2.0
"""Measures llama-server, asked over HTTP by as many clients as it has slots. Started by run.py.

While it encodes a picture it does nothing else: the log tells when that began and ended, which
splits the time into encoding and the rest.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from peak_memory import peak_bytes
from worker import END_OF_TEXT, PROMPT, Answer, Job, chat, job, measure, report

STAMP = re.compile(r"^(\d+)\.(\d+)\.(\d+)\.(\d+) ")
READY_SECONDS = 120


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(asked: Job, port: int) -> list[str]:
    """The program with a cache of the size that is needed, and no memory for old prompts."""
    return [
        *(asked["binary"], "-m", asked["llm"], "--mmproj", asked["mmproj"], "--jinja"),
        *("-t", str(asked["threads"]), "-np", str(asked["parallel"])),
        *("-c", str(asked["context"] * asked["parallel"]), "--cache-ram", "0"),
        *("--host", "127.0.0.1", "--port", str(port), "-lv", "4"),
    ]


class Server:
    """A running llama-server."""

    def __init__(self, asked: Job) -> None:
        self._address = f"http://127.0.0.1:{(port := free_port())}"
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        begin = time.perf_counter()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command(asked, port), stdout=log, stderr=subprocess.STDOUT
            )
        while not self._is_ready():
            if self.process.poll() is not None or time.perf_counter() - begin > READY_SECONDS:
                sys.exit(f"llama-server did not start:\n{self.log()[-2000:]}")
            time.sleep(0.02)
        self.load = time.perf_counter() - begin

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/health") as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def read(self, picture: str | None, tokens: int, prompt: str = PROMPT) -> Answer:
        """One request."""
        body = {
            "messages": chat(picture, prompt),
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "logit_bias": [[END_OF_TEXT, False]],
            "cache_prompt": False,
        }
        request = urllib.request.Request(  # noqa: S310
            f"{self._address}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        timings = found["timings"]
        return {
            "prompt_tokens": found["usage"]["prompt_tokens"],
            "tokens": found["usage"]["completion_tokens"],
            "prefill": timings["prompt_ms"] / 1000,  # with encoding
            "decode": timings["predicted_ms"] / 1000,
        }

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self._folder.cleanup()


def encode_intervals(log: str) -> list[float]:
    """Seconds of each encoding, from the line that announces it to the one that decodes it."""
    found: list[float] = []
    begin: float | None = None
    for line in log.splitlines():
        stamp = STAMP.match(line)
        if stamp is None:
            continue
        minutes, seconds, milliseconds, microseconds = map(int, stamp.groups())
        now = 60 * minutes + seconds + milliseconds / 1e3 + microseconds / 1e6
        if "encoding mtmd batch" in line:
            begin = now
        elif begin is not None and "decoding image batch 1/" in line:
            found.append(now - begin)
            begin = None
    return found


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    server = Server(asked)
    try:
        outcome = measure(asked, server.read, server.load)
        outcome["peak"] = peak_bytes(server.process.pid)
        pictures = len(asked["pictures"])
        intervals = encode_intervals(server.log())
        if asked["kind"] == "read":
            if len(intervals) != pictures + 1:  # and the warm-up
                sys.exit(f"llama-server: its log tells of {len(intervals)} encodings")
            outcome["encode"] = sum(intervals[1:])
    finally:
        server.stop()
    report(outcome)


if __name__ == "__main__":
    main()
