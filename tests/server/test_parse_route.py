# SPDX-License-Identifier: Apache-2.0
"""Documents through a real server with the built-in models, by client and commands."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.parsing.sources.pdf_writer import pdf_file
from tests.parsing.sources.test_pdf import BOMBS
from tests.server.running import Server, error_of, wait_for

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.running import StartServer


@pytest.fixture(scope="module")
def same() -> Iterator[Server]:
    """A server whose answers do not depend on what else is read."""
    running = Server("--parallel", 2, "--deterministic").wait_ready()
    yield running
    assert running.stop() == 0
    assert not [line for line in running.log if "fault" in line]


def test_the_document_that_parse_gives(same: Server, samples: Path) -> None:
    source = [samples / "hello.png", samples / "table.png"]
    with ppocrvl.Engine(deterministic=True, n_parallel=2) as engine:
        here = ppocrvl.parse(source, engine=engine)
    with ppocrvl.Client(same.url) as client:
        document = client.parse(source)
        pages = list(client.parse_pages(source))
    assert document.to_dict() == here.to_dict()
    assert document.to_markdown() == here.to_markdown()
    assert [page.to_markdown() for page in pages] == [page.to_markdown() for page in here.pages]
    assert "Hello world" in document.to_markdown()
    assert [one for block in document.blocks for one in block.pictures] == [
        one for block in here.blocks for one in block.pictures
    ]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    code = run_command([*map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_commands(
    same: Server, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hello, missing = samples / "hello.png", tmp_path / "missing.pdf"
    code, out, _ = command(capsys, "client", hello, "--url", same.url, "--to", "md")
    assert code == ExitCode.OK
    assert "Hello world" in out
    code, out, said = command(
        capsys, "parse", hello, missing, "--server", same.url, "-o", tmp_path, "--to", "json,html"
    )
    assert (code, out) == (ExitCode.DOCUMENT, "")
    assert "missing.pdf" in said
    values = json.loads((tmp_path / "hello.json").read_text())
    assert values["name"] == str(hello)
    assert "data:image/jpeg;base64," in (tmp_path / "hello.html").read_text()
    code, out, _ = command(capsys, "parse", hello, "--server", same.url, "--jsonl")
    assert json.loads(out)["document"] == str(hello)


@pytest.mark.parametrize(
    "arguments",
    [
        ("parse", "x.pdf", "--server", "http://127.0.0.1:1", "--threads", "2"),
        ("parse", "x.pdf", "--server", "http://127.0.0.1:1", "--redo"),
        ("parse", "x.pdf", "--retries", "2"),
        ("client", "x.pdf", "--to", "md", "--task", "table"),
        ("client", "x.pdf", "--to", "nonsense"),
        ("client", "x.pdf", "--pages", "1"),
        ("client", "--to", "md"),
    ],
)
def test_flags_that_do_not_go_together(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys, *arguments)[0] == ExitCode.USAGE


def test_a_bomb_is_marked_and_the_next_document_is_read(same: Server, samples: Path) -> None:
    bomb = ("bomb.pdf", BOMBS["a form that draws itself"]())
    pages = same.post("/v1/parse", files={"file": bomb}, params={"dpi": "18"}).json()["pages"]
    assert "PDFium crashed" in pages[0]["error"]
    hello = same.post("/v1/parse", files={"file": (samples / "hello.png").read_bytes()})
    assert hello.is_success


def test_ten_thousand_pages(same: Server) -> None:
    kids = b" ".join([b"3 0 R"] * 10_000)
    pages = b"<</Type/Pages/Count 10000/Kids[%s]>>" % kids
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>"
    data = pdf_file([b"<</Type/Catalog/Pages 2 0 R>>", pages, page])
    sent = {"files": {"file": ("many.pdf", data)}}
    assert error_of(same.post("/v1/parse", **sent), 413) == "document_too_large"
    some = same.post("/v1/parse", **sent, params={"pages": "1,-1", "dpi": "72"}).json()
    assert (some["n_pages"], [page["index"] for page in some["pages"]]) == (10_000, [0, 9999])


def test_a_client_that_sends_a_byte_at_a_time(start_server: StartServer) -> None:
    running = start_server("--body-seconds", 1).wait_ready()
    head = b"POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    with running.connect() as connection:
        connection.sendall(head)
        connection.settimeout(0.05)
        answer = b""
        while not answer:
            connection.sendall(b"P")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408")
    assert running.get("/health").json()["pages"] == 0


def test_a_client_that_leaves(same: Server, samples: Path) -> None:
    data = (samples / "paper.pdf").read_bytes()
    head = (
        "POST /v1/parse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pdf\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    with same.connect() as connection:
        connection.sendall(head.encode() + data)
        wait_for(lambda: same.get("/health").json()["pages"] > 0)
        connection.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: same.get("/health").json()["pages"] == 0)
    assert same.get("/health").status_code == 200


def test_a_model_without_a_layout_model(endless_server: Server, picture: bytes) -> None:
    answer = endless_server.post("/v1/parse", files={"file": picture})
    assert error_of(answer, 501) == "no_layout"
    assert any("documents are not read" in line for line in endless_server.log)


def test_without_layout(start_server: StartServer, picture: bytes) -> None:
    running = start_server("--layout", "none").wait_ready()
    values = running.post("/v1/parse", files={"file": picture}).json()
    assert [block["label"] for block in values["pages"][0]["blocks"]] == ["text"]
    assert running.stop() == 0


def test_a_layout_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = command(capsys, "serve", "--port", "0", "--layout", "/no/such.gguf")
    assert code == ExitCode.MODEL
    assert "/no/such.gguf" in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_is_flat_over_many_documents(start_server: StartServer, samples: Path) -> None:
    running = start_server("--parallel", 2).wait_ready()
    files: Any = {"file": ("hello.png", (samples / "hello.png").read_bytes())}

    def read(count: int) -> int:
        for _ in range(count):
            running.post("/v1/parse", files=files).raise_for_status()
        status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0])

    read(30)
    before = read(1)
    assert read(150) <= before + 8 * 1024
