# SPDX-License-Identifier: Apache-2.0
"""Servers with the built-in model, and with one that never ends by itself; pictures."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.server.browsing import CHROMIUM, Visit
from tests.server.running import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.running import StartServer


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers that end with the test."""
    started: list[Server] = []

    def start(*arguments: object, address_space: int | None = None, **environment: str) -> Server:
        started.append(Server(*arguments, address_space=address_space, **environment))
        return started[-1]

    yield start
    for server in started:
        with contextlib.suppress(ProcessLookupError):
            server.process.kill()
        server.stop()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with the built-in model and the limits as they are."""
    running = Server("--parallel", 2).wait_ready()
    yield running
    assert running.stop() == 0
    assert not [line for line in running.log if "fault" in line]


@pytest.fixture(scope="session")
def endless_server(endless_model: Path) -> Iterator[Server]:
    """A server whose answers do not end by themselves. One picture decodes, and one may wait."""
    running = Server(
        *("--model", endless_model, "--parallel", 1, "--max-waiting", 1),
        *("--max-tokens", 100_000, "--kv-tokens", 131_072),
    ).wait_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def picture(samples: Path) -> bytes:
    return (samples / "hello.png").read_bytes()


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small picture of noise."""
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    pixels = np.random.default_rng(3).integers(0, 256, (56, 140, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=120_000)  # only to end what hangs: a page may be read meanwhile
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Visits a server; in the end nothing was complained about, and nobody else was asked."""
    visits: list[tuple[Visit, str, str]] = []

    def start(url: str, *, expected: str = "", **options: Any) -> Visit:
        context = browser.new_context(**options)
        context.set_default_timeout(120_000)
        visits.append((Visit(context.new_page(), url), url, expected))
        return visits[-1][0]

    yield start
    for one, url, expected in visits:
        one.page.context.close()
        surprises = [
            text for text in one.complaints if not (expected and re.search(expected, text))
        ]
        assert not surprises
        assert all(asked.startswith((url, f"blob:{url}", "data:")) for asked in one.asked)


@pytest.fixture
def page(visit: Callable[..., Visit], server: Server) -> Visit:
    return visit(server.url).loaded()
