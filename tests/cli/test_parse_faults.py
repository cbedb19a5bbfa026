# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` on a disk that fails, and when it is interrupted."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.parsing.sources.pdf_writer import encrypted, pdf, text
from tests.parsing.thirds import open_thirds

from ppocrvl.cli.parse import JOURNAL
from ppocrvl.errors import ExitCode
from ppocrvl.parsing.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Program

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
