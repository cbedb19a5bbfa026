# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` on a disk that fails, and when it is interrupted."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from tests.parsing.fakes import result
from tests.parsing.sources.pdf_writer import FORM, HELVETICA, encrypted, pdf, stream, text
from tests.parsing.thirds import open_thirds

import ppocrvl
from ppocrvl.cli.parse import JOURNAL
from ppocrvl.errors import ExitCode
from ppocrvl.layout.region import Region
from ppocrvl.parsing.journal import Journal
from ppocrvl.parsing.sources.pdf import PdfSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from tests.cli.conftest import Program

    from ppocrvl.requests.results import Result

BUILT_IN = {"PPOCRVL_MODEL": ""}
NONE = ("--layout", "none")


def failing(function: Callable[..., Any], number: int, after: int) -> Callable[..., Any]:
    """The function as it is on a disk that fails after so many calls."""
    calls = iter(range(after))

    def call(*args: Any) -> Any:
        if next(calls, None) is None:
            raise OSError(number, os.strerror(number))
        return function(*args)

    return call


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(
    ("what", "after"), [("write", 1), ("write", 3), ("fdatasync", 2), ("fsync", 1)]
)
def test_a_disk_that_fills_or_goes_read_only(
    ppocrvl_program: Program,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    what: str,
    after: int,
) -> None:
    """While the journal or the output is written; when there is room again, the run goes on."""
    monkeypatch.setattr("ppocrvl.parsing.layouts.open_layout", open_thirds)
    command = ("parse", samples / "hello.png", "-o", tmp_path, *NONE)
    with monkeypatch.context() as disk:
        disk.setattr(os, what, failing(getattr(os, what), number, after))
        done = ppocrvl_program(*command, **BUILT_IN)
    assert done.returncode == ExitCode.OUTPUT
    assert os.strerror(number) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]
    with Journal(tmp_path / JOURNAL) as journal:
        assert len(journal) == {"write": after - 1, "fdatasync": after, "fsync": 4}[what]
    assert ppocrvl_program(*command, **BUILT_IN).returncode == ExitCode.OK
    assert "Hello world!" in (tmp_path / "hello.md").read_text(encoding="utf-8")


DOCUMENTS = {
    "broken.pdf": (b"%PDF-1.7\n", "is no PDF, or a damaged one"),
    "empty.pdf": (b"", "is empty"),
    "cut.pdf": (pdf(text("Hello"))[:200], "is no PDF, or a damaged one"),
    "locked.pdf": (encrypted(), "--password"),
    "million.pdf": (pdf(b"", count=1_000_000), "declares 1,000,000 pages"),
    "word.docx": (b"PK", "word.docx"),
}
READABLE = {
    "blank.pdf": pdf(b""),
    "partly.pdf": pdf(text("Hello"), text("there"), count=3),
}


def test_documents_that_cannot_be_read_are_named_and_the_rest_is_read(
    ppocrvl_program: Program, samples: Path, tmp_path: Path
) -> None:
    for name, data in [*((name, data) for name, (data, _) in DOCUMENTS.items()), *READABLE.items()]:
        (tmp_path / name).write_bytes(data)
    given = [tmp_path / name for name in [*DOCUMENTS, *READABLE]]
    command = (
        "parse",
        *given,
        samples / "hello.png",
        "-o",
        tmp_path / "out",
        "--to",
        "json",
        *NONE,
    )
    done = ppocrvl_program(*command, "--dpi", "36", "--max-tokens", 20, **BUILT_IN)
    assert done.returncode == ExitCode.DOCUMENT
    lines = done.stderr.splitlines()
    for name, (_, message) in DOCUMENTS.items():
        assert any("error: " in line and name in line and message in line for line in lines)
    written = {path.name for path in (tmp_path / "out").glob("*.json")}
    assert written == {"blank.json", "partly.json", "hello.json"}
    assert any("partly.pdf, page 3: failed: " in line for line in lines)
    assert any("partly.pdf: 3 pages, 2 blocks" in line for line in lines)
    locked = ("parse", tmp_path / "locked.pdf", "--password", "secret", "--max-tokens", 9, *NONE)
    assert ppocrvl_program(*locked, **BUILT_IN).returncode == ExitCode.OK


@pytest.mark.slow
def test_a_page_of_a_hundred_thousand_points(ppocrvl_program: Program, tmp_path: Path) -> None:
    """Is read from fewer pixels, and says so."""
    (tmp_path / "giant.pdf").write_bytes(pdf(text("Hello"), box=b"0 0 100000 100000"))
    command = ("parse", tmp_path / "giant.pdf", "--to", "json", "--max-tokens", 20, *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    assert done.returncode == ExitCode.OK
    assert "dpi instead of 144" in done.stdout


def test_a_folder_that_cannot_be_made(ppocrvl_program: Program, samples: Path) -> None:
    out = samples / "hello.png" / "out"
    done = ppocrvl_program("parse", samples / "hello.png", "-o", out, *NONE, **BUILT_IN)
    assert (done.returncode, done.stdout) == (ExitCode.OUTPUT, "")


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGINT], ExitCode.INTERRUPTED),
        ([signal.SIGINT, signal.SIGINT], ExitCode.INTERRUPTED),
        ([signal.SIGTERM], ExitCode.TERMINATED),
    ],
)
def test_interrupted(
    environment: dict[str, str],
    samples: Path,
    tmp_path: Path,
    signals: list[signal.Signals],
    code: int,
) -> None:
    """The second document has an answer without an end; of the first, one hears that it failed."""
    command = [sys.executable, "-m", "ppocrvl", "parse", str(tmp_path / "missing.pdf")]
    command += [str(samples / "hello.png"), *NONE, "-o", str(tmp_path), "--max-tokens", "60000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as program:
        assert program.stderr is not None
        assert "no such document" in program.stderr.readline()
        for one in signals:
            program.send_signal(one)
        rest = program.stderr.read()
        assert program.wait(timeout=600) == code
    assert rest == ""
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]
    with Journal(tmp_path / JOURNAL) as journal:
        assert len(journal) <= 1  # the regions of the page


@pytest.mark.parametrize(
    "bomb",
    [
        pdf(b"q " * 20_000_000, text("Hello")),
        pdf(
            b"/X Do",
            text("Hello"),
            resources=HELVETICA + b"/XObject<</X 3 0 R>>",
            more=[stream(b"/X Do /X Do", FORM + b"/Resources<</XObject<</X 3 0 R>>>>")],
        ),
    ],
    ids=["graphics states", "a form that draws itself"],
)
def test_a_bomb_is_the_end_of_its_page_alone(
    ppocrvl_program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: bytes
) -> None:
    """PDFium's process has limits on time and memory; they are lowered here."""
    limits = {**(PdfSource.__init__.__kwdefaults__ or {}), "seconds": 1, "memory": 256 << 20}
    monkeypatch.setattr(PdfSource.__init__, "__kwdefaults__", limits)
    (tmp_path / "bomb.pdf").write_bytes(bomb)
    command = ("parse", tmp_path / "bomb.pdf", "--to", "json", "--dpi", 36, "--max-tokens", 20)
    done = ppocrvl_program(*command, *NONE, **BUILT_IN)
    assert done.returncode == ExitCode.DOCUMENT
    first, second = json.loads(done.stdout)["pages"]
    assert "cannot be rendered: " in first["error"]
    assert f"bomb.pdf, page 1: failed: {first['error']}" in done.stderr
    assert second["error"] is None
    assert second["blocks"][0]["finish_reason"] in {"stop", "length"}


class Crumbs:
    """A layout that finds a thousand regions of some pixels or none: sides of 0 to 3."""

    def detect(self, image: np.ndarray) -> list[Region]:
        height, width = image.shape[:2]
        boxes = [
            (width * (n % 40) // 40, height * (n // 40) // 25, n % 4, n // 4 % 4)
            for n in range(1000)
        ]
        return [
            Region("header", 0.5, (x, y, x + w, y + h), ((x, y), (x + w, y), (x, y + h)), order)
            for order, (x, y, w, h) in enumerate(boxes)
        ]


def test_a_page_of_a_thousand_tiny_regions(
    ppocrvl_program: Program, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read, or says why not."""

    def submit(*_: Any) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(result("x"))
        return future

    monkeypatch.setattr("ppocrvl.parsing.layouts.open_layout", lambda *_: nullcontext(Crumbs()))
    monkeypatch.setattr(ppocrvl.Engine, "submit", submit)
    command = ("parse", samples / "hello.png", "--to", "json", *NONE)
    done = ppocrvl_program(*command, **BUILT_IN)
    (page,) = json.loads(done.stdout)["pages"]
    n_read = sum(block["text"] == "x" for block in page["blocks"])
    n_failed = sum(block["error"] is not None for block in page["blocks"])
    n_empty = sum(not (n % 4 and n // 4 % 4) for n in range(1000))
    assert (n_read, n_failed) == (1000 - n_empty, n_empty)
    assert done.returncode == ExitCode.DOCUMENT
    assert "1 page, 1000 blocks" in done.stderr
