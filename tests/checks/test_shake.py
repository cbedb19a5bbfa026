# SPDX-License-Identifier: Apache-2.0
"""scripts/shake.py holds processes up, always lets them go on, and leaves none behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

# Waits for as long as it takes: the outer test's limit is the only one.
HELD = """
import os, subprocess, sys
from pathlib import Path

def stat(process):
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()

def test_a_process_is_held_and_let_go():
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        while stat(child.pid)[0] != "T":
            pass
        while stat(child.pid)[0] == "T":
            pass
        child.communicate(b"go on\\n")
    assert child.returncode == 0

def test_every_core_is_busy():
    shake = os.getppid()
    others = {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()} - {os.getpid()}
    spinning = [p for p in others if Path(f"/proc/{p}").exists() and int(stat(p)[1]) == shake]
    assert len(spinning) == len(os.sched_getaffinity(0))
"""

ORPHAN = """
import os, subprocess, sys, time

def test_that_never_ends():
    command = "import os, time; os.setsid(); os.fork() and os._exit(0); "
    command += "print(os.getpid(), flush=True); time.sleep(10_000)"
    orphan = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE)
    number = int(orphan.stdout.readline())
    orphan.wait()
    with open(os.environ["NUMBERS"], "w") as numbers:
        numbers.write(f"{os.getpid()} {number}")
    time.sleep(10_000)
"""


SCRIPTS = Path(__file__).parents[2] / "scripts"
SHAKE = [SCRIPTS / "shake.py"]
CHECK = [SCRIPTS / "check.py", "shake", "--"]


def shake(
    folder: Path, text: str, *arguments: object, program: Sequence[object] = SHAKE
) -> list[str]:
    """The command that shakes one file of tests, as a project of its own."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    file = folder / "test_inner.py"
    file.write_text(text, encoding="utf-8")
    options = ["-c", folder / "pytest.ini", "-p", "pytest_timeout", file]
    return [sys.executable, *map(str, [*program, *arguments, *options])]


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugins but the one whose option is given: they take seconds on a busy machine."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_processes_are_held_and_go_on(tmp_path: Path) -> None:
    done = subprocess.run(
        shake(tmp_path, HELD, "--runs", 2, "--seed", 40),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for line in ("run 1 of 2, seed 40: passed", "run 2 of 2, seed 41: passed"):
        assert f"shake: {line}\n" in done.stdout


def test_a_failure_is_one_and_ends_the_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        shake(tmp_path, "def test_red():\n    assert 0\n", "--seed", 3),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "shake: run 1 of 3, seed 3: FAILED (exit code 1)\n" in done.stdout
    assert "run 2 of 3" not in done.stdout


@pytest.mark.parametrize(
    ("script", "number", "code"),
    [(SHAKE, signal.SIGINT, 130), (SHAKE, signal.SIGTERM, 143), (CHECK, signal.SIGINT, 130)],
    ids=["ctrl-c", "terminated", "ctrl-c-in-check"],
)
def test_nothing_outlives_an_interrupt(
    tmp_path: Path, script: Sequence[object], number: int, code: int
) -> None:
    numbers = tmp_path / "numbers"
    os.mkfifo(numbers)
    with subprocess.Popen(
        shake(tmp_path, ORPHAN, program=script),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NUMBERS": str(numbers)},
        start_new_session=True,
    ) as program:
        # Handles, so that nobody else is meant when a number is used again.
        handles = [os.pidfd_open(int(one)) for one in numbers.read_text(encoding="utf-8").split()]
        assert len(handles) == 2
        os.killpg(program.pid, number)  # as a terminal does
        assert program.wait() == code
    for handle in handles:
        assert select.select([handle], [], [], 0)[0] == [handle]  # it has ended
        os.close(handle)
