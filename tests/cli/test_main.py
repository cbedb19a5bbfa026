# SPDX-License-Identifier: Apache-2.0
"""The frame of the program: help, version, errors, stdout, signals."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ppocrvl import errors
from ppocrvl.cli import main

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tests.cli.conftest import Program


def test_help_names_every_command(ppocrvl_program: Program) -> None:
    done = ppocrvl_program("--help")
    assert done.returncode == 0
    for name in main.COMMANDS:
        assert re.search(rf"^    {name}\s", done.stdout, re.MULTILINE)
        assert ppocrvl_program(name, "--help").returncode == 0


def test_help_is_quick() -> None:
    """It imports neither numpy nor Pillow nor the compiled module."""
    code = (
        "import sys; from ppocrvl.cli.main import build_parser; build_parser().format_help();"
        "print([n for n in ('numpy', 'PIL', 'gguf', 'ppocrvl._native') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(ppocrvl_program: Program) -> None:
    assert ppocrvl_program("--version").stdout == f"ppocrvl {version('ppocrvl')}\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_stdout_and_stderr(environment: dict[str, str], closed: str) -> None:
    command = ["sh", "-c", f'"{sys.executable}" -m ppocrvl --version {closed}']
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == errors.ExitCode.OK
    assert b"Traceback" not in done.stderr
    if closed == "2>&-":
        assert done.stdout.decode() == f"ppocrvl {version('ppocrvl')}\n"


@pytest.mark.parametrize("arguments", [(), ("read",), ("ocr",), ("ocr", "--task", "read", "x.png")])
def test_wrong_usage(ppocrvl_program: Program, arguments: tuple[str, ...]) -> None:
    done = ppocrvl_program(*arguments)
    assert done.returncode == errors.ExitCode.USAGE
    assert done.stdout == ""
    assert "error:" in done.stderr


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes `ppocrvl doctor` raise something."""

    def set_error(error: BaseException) -> None:
        def fail(_: argparse.Namespace) -> int:
            raise error

        monkeypatch.setattr("ppocrvl.cli.doctor.run", fail)

    return set_error


EXIT_CODES = {
    errors.OptionError: 2,
    errors.MissingExtraError: 2,
    errors.ImageError: 3,
    errors.ImageNotFoundError: 3,
    errors.ImageDecodeError: 3,
    errors.ImageTooLargeError: 3,
    errors.ImageTooThinError: 3,
    errors.ModelError: 4,
    errors.ModelNotFoundError: 4,
    errors.ModelAmbiguousError: 4,
    errors.ModelFormatError: 4,
    errors.ModelMismatchError: 4,
    errors.CheckpointError: 5,
    errors.DatasetError: 11,
    errors.ServerError: 12,
    errors.ServerAccessError: 12,
    errors.ContextError: 6,
    errors.OutputError: 7,
    errors.HubError: 8,
    errors.EngineError: 9,
    errors.InvalidTextError: 9,
    errors.QueueFullError: 9,
    errors.DocumentError: 13,
    errors.DocumentNotFoundError: 13,
    errors.DocumentEncryptedError: 13,
    errors.DocumentDamagedError: 13,
    errors.DocumentEmptyError: 13,
    errors.DocumentTooLargeError: 13,
    errors.PageError: 13,
    errors.VideoError: 14,
    errors.VideoNotFoundError: 14,
    errors.VideoDamagedError: 14,
    errors.ClusterError: 15,
    errors.CancelledError: 130,
}


def test_every_error_has_a_documented_code() -> None:
    classes = {
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.PpocrvlError)
    }
    assert classes - {errors.PpocrvlError} == set(EXIT_CODES)


@pytest.mark.parametrize(("cls", "code"), EXIT_CODES.items())
def test_each_error_has_its_line_and_code(
    command: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    cls: type[errors.PpocrvlError],
    code: int,
) -> None:
    command(cls("what is wrong: where;\n  what to do"))
    assert main.run_command(["doctor"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "ppocrvl: error: what is wrong: where; what to do\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
        (OSError(28, "No space left on device"), 7, "cannot write the result: No space left"),
        (OSError(36, "File name too long", "report.json"), 7, "error: report.json: File name too"),
        (MemoryError(), 9, "out of memory"),
    ],
)
def test_errors_of_the_system(
    command: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
) -> None:
    command(error)
    assert main.run_command(["doctor"]) == code
    assert message in capsys.readouterr().err


def test_fault_of_our_own_shows_its_traceback(command: Callable[[BaseException], None]) -> None:
    command(ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        main.run_command(["doctor"])


def test_what_native_code_prints_does_not_reach_stdout(environment: dict[str, str]) -> None:
    code = (
        "import os, sys; from ppocrvl.cli import doctor, main\n"
        "def run(args):\n"
        "    os.write(1, b'native chatter\\n'); sys.stdout.write('result ä\\n'); return 0\n"
        "doctor.run = run; sys.argv = ['ppocrvl', 'doctor']; main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment, check=True, timeout=600
    )
    assert done.stdout.decode() == "result ä\n"
    assert b"native chatter" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_behind_stdout(environment: dict[str, str], picture: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ppocrvl", "ocr", picture, "--max-tokens", "3"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=600,
            check=False,
        )
    assert done.returncode == errors.ExitCode.OUTPUT
    assert done.stderr.decode().startswith("ppocrvl: error: cannot write the result: No space left")


def start(environment: dict[str, str], *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ppocrvl", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def test_reader_that_has_had_enough(environment: dict[str, str], picture: Path) -> None:
    with start(environment, "ocr", picture, "--max-tokens", 3000, "--no-stop-loops") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.read(1)
        program.stdout.close()
        assert program.wait(20) == errors.ExitCode.BROKEN_PIPE
        assert program.stderr.read() == b""


def test_ctrl_c_ends_a_generation_at_once(environment: dict[str, str], picture: Path) -> None:
    with start(environment, "ocr", picture, "--max-tokens", 100_000, "--no-stop-loops") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.read(1)  # it generates
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == errors.ExitCode.INTERRUPTED  # all its tokens take longer
        assert program.stderr.read() == b""
