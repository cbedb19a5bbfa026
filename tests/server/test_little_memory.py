# SPDX-License-Identifier: Apache-2.0
"""A server in little memory outlives pictures of every size, and reads small ones afterwards."""

from __future__ import annotations

import io
import math
import random
import resource
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from PIL import Image, ImageDraw
from tests.server.running import Server, error_of, question, wait_for

from ppocrvl.images.limits import MAX_ASPECT_RATIO
from ppocrvl.server.server_limits import ServerLimits

if TYPE_CHECKING:
    from tests.server.running import StartServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's"),
    pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit of util-linux"),
]

MIB = 1 << 20
PICTURES = 200
CLIENTS = 4
MODES = ("L", "RGB", "RGBA", "I;16", "1", "LA")
NO_MEMORY = {"engine_error": 500, "server_busy": 503}
EXIT_ENGINE = 9  # docs/errors.md


def encoded(number: int) -> bytes:
    """A picture with lines on it, of 1 pixel (the first) up to all that may be (the last).

    The sides' ratio is any that is allowed, the mode one of several.
    """
    draw = random.Random(number)
    most = ServerLimits().max_image_pixels
    pixels = math.exp(math.log(most) * number / (PICTURES - 1))
    ratio = MAX_ASPECT_RATIO ** draw.uniform(-0.9, 0.9)
    width = max(1, int(math.sqrt(pixels * ratio)))
    height = max(1, min(int(pixels / width), most // width, MAX_ASPECT_RATIO * width))
    picture = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(picture)
    for _ in range(20):
        pen.line([draw.randrange(side) for side in (width, height) * 2], fill=draw.randrange(200))
    file = io.BytesIO()
    picture.convert(MODES[number % len(MODES)]).save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [encoded(number) for number in range(PICTURES)]


def held(server: Server) -> int:
    """Bytes of its address space."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


@pytest.fixture(scope="module")
def ready_bytes() -> int:
    """Address space of a server that has read nothing."""
    server = Server("--parallel", CLIENTS).wait_ready()
    try:
        return held(server)
    finally:
        server.stop()


def ask(server: Server, picture: bytes, tokens: int) -> str:
    """The text read, or the code of an error that says there was too little memory."""
    answer = server.post("/v1/chat/completions", json=question(picture, max_tokens=tokens))
    if answer.is_success:
        return "read: " + str(answer.json()["choices"][0]["message"]["content"])
    code = str(answer.json()["error"]["code"])
    assert error_of(answer, NO_MEMORY[code]) == code
    return code


def is_ready(server: Server) -> bool:
    """Whether it came to be so; else it has ended."""

    def settled() -> bool:
        try:
            return server.process.poll() is not None or server.get("/health").is_success
        except httpx2.TransportError:  # it ends just now
            return False

    wait_for(settled)
    return server.process.poll() is None


@pytest.mark.parametrize("more", [-80, -30, -15, 0, 15, 30, 60, 120, 300])
def test_pictures_of_every_size(
    more: int,
    start_server: StartServer,
    ready_bytes: int,
    pictures: list[bytes],
    picture: bytes,
) -> None:
    options = ("--parallel", CLIENTS, "--max-waiting", CLIENTS, "--max-tokens", 64)
    server = start_server(*options, address_space=ready_bytes + more * MIB)
    if not is_ready(server):
        assert server.end() == EXIT_ENGINE, server.log
        return
    before = ask(server, picture, 64)
    draw = random.Random(more)
    order = draw.sample(pictures, len(pictures))
    with ThreadPoolExecutor(CLIENTS) as clients:
        outcomes = list(clients.map(lambda one: ask(server, one, 4), order))
    assert len(outcomes) == PICTURES
    assert server.process.poll() is None, server.log
    if before.startswith("read"):
        assert ask(server, picture, 64) == before
    everything = resource.RLIM_INFINITY
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, (everything, everything))
    assert ask(server, picture, 64).startswith("read: Hello world!")
    assert server.stop() == 0
