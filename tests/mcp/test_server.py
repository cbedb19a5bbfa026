# SPDX-License-Identifier: Apache-2.0
"""The tools, as the SDK's own client sees them: in this process, over stdio and over HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.parsing.fakes import HeldReader, Stripes, TrueReader, painted

pytest.importorskip("mcp", reason='needs mcp: pip install ".[mcp]"')

import anyio

from mcp import Client, StdioServerParameters
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.mcp.reading import Reading
from ppocrvl.mcp.roots import Roots
from ppocrvl.mcp.server import make_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path, samples: Path) -> Path:
    """A root with a document of three pages, whose blocks are stripes."""
    first, *others = [Image.fromarray(painted(page, 2)) for page in range(3)]
    first.save(tmp_path / "three.tiff", save_all=True, append_images=others)
    (tmp_path / "hello.png").write_bytes((samples / "hello.png").read_bytes())
    return tmp_path


@asynccontextmanager
async def connected(folder: Path, reader: TrueReader) -> AsyncIterator[Client]:
    reading = Reading(reader, Stripes())  # type: ignore[arg-type]
    async with Client(make_server(reading, Roots([folder]))) as client:
        yield client


def text_of(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


def test_tools_say_what_they_take(folder: Path) -> None:
    async def run() -> None:
        async with connected(folder, TrueReader()) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"read_document", "read_image"}
        properties = tools["read_document"].input_schema["properties"]
        assert set(properties) == {"path", "pages", "form"}
        assert properties["form"]["enum"] == ["markdown", "text", "html", "json"]
        assert tools["read_image"].input_schema["required"] == ["path"]

    anyio.run(run)


def test_a_document_page_by_page(folder: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def show(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def run() -> None:
        async with connected(folder, TrueReader()) as client:
            arguments = {"path": "three.tiff", "form": "json", "pages": "1,3"}
            result = await client.call_tool("read_document", arguments, progress_callback=show)
            assert not result.is_error
            values = json.loads(text_of(result))
            assert [
                (page["index"], [block["text"] for block in page["blocks"]])
                for page in values["pages"]
            ] == [(i, [f"page {i} block 0", f"page {i} block 1"]) for i in (0, 2)]
            markdown = await client.call_tool("read_document", {"path": "three.tiff"})
            assert "<!-- page 2 -->" in text_of(markdown)

    anyio.run(run)
    assert told == [(1, 2, "page 1 of 2"), (2, 2, "page 2 of 2")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "/etc/passwd"}, "files may be read in"),
        ({"path": "missing.pdf"}, "no such file"),
        ({"path": "three.tiff", "pages": "9"}, "9"),
        ({"path": "three.tiff", "pages": "x"}, "x"),
        ({"path": "broken.pdf"}, "broken.pdf"),
        ({"path": "three.tiff", "form": "exe"}, "form"),
    ],
)
def test_what_is_refused(folder: Path, arguments: dict[str, str], message: str) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")

    async def run() -> None:
        async with connected(folder, TrueReader()) as client:
            result = await client.call_tool("read_document", arguments)
            assert result.is_error
            assert message in text_of(result)
            again = await client.call_tool("read_document", {"path": "three.tiff"})
            assert not again.is_error

    anyio.run(run)


def test_who_goes_cancels_what_is_read(folder: Path) -> None:
    reader = HeldReader()
    ended = threading.Event()
    wait = reader.wait_for

    async def run() -> None:
        async with connected(folder, reader) as client, anyio.create_task_group() as group:
            arguments = {"path": "three.tiff"}
            group.start_soon(client.call_tool, "read_document", arguments)
            await anyio.to_thread.run_sync(wait, 2)
            for _, future in reader.held:
                future.add_done_callback(lambda _: ended.set())
            group.cancel_scope.cancel()
        assert await anyio.to_thread.run_sync(ended.wait, 60)

    anyio.run(run)
    assert all(future.cancelled() for _, future in reader.held)


def command(folder: Path, *more: str) -> list[str]:
    return ["-m", "ppocrvl", "mcp", "--root", str(folder), "--layout", "none", *more]


ENVIRONMENT = {**os.environ, "PPOCRVL_MODEL": ""}


async def read_hello(client: Client) -> None:
    result = await client.call_tool("read_image", {"path": "hello.png"})
    assert text_of(result).startswith("Hello world!")
    result = await client.call_tool("read_document", {"path": "hello.png"})
    assert text_of(result).startswith("Hello world!")
    assert (await client.call_tool("read_image", {"path": "/etc/passwd"})).is_error


@pytest.mark.slow
def test_over_standard_input_and_output(folder: Path) -> None:
    async def run() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=command(folder), env=ENVIRONMENT
        )
        async with Client(server) as client:
            await read_hello(client)

    anyio.run(run)


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Of a server over HTTP."""
    with subprocess.Popen(
        [sys.executable, *command(folder, "--http", "0")],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                found = re.search(r"listening on (\S+)", line)
                if found:
                    yield found[1]
                    break
        finally:
            process.terminate()
            process.stderr.close()


def test_the_port_is_taken_before_a_model_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["mcp", "--http", "70000", "--model", "/nonexistent"]) == ExitCode.USAGE
    assert capsys.readouterr().err == ("ppocrvl: error: --http 70000: a port is from 0 to 65535\n")


@pytest.mark.slow
def test_over_http(address: str) -> None:
    import httpx2

    async def run() -> None:
        async with Client(address) as client:
            await read_hello(client)

    anyio.run(run)
    foreign = httpx2.post(address, json={}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
