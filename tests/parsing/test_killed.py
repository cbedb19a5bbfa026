# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl parse` killed at any moment: the same command goes on, and nothing shows it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from ppocrvl.cli.parse import JOURNAL

N_BLOCKS = 9


@dataclass(frozen=True)
class Whole:
    """A run that was not killed: what it wrote, and in how many steps."""

    files: dict[str, bytes]
    n_steps: int


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Three pages, each of three lines that are blocks."""
    path = tmp_path_factory.mktemp("scan") / "scan.tiff"
    with Image.open(samples / "hello.png") as picture:
        width, height = picture.size
        # Each a little narrower, so that no two are equal.
        pages = [picture.convert("RGB").crop((0, 0, width - n, height)) for n in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:], dpi=(144, 144))
    return path


def run(scan: Path, out: Path, last: int, seed: int = 0) -> subprocess.CompletedProcess[str]:
    """The command, killed at a step; 0 for not at all."""
    command = [sys.executable, "-m", "tests.parsing.kill_worker", str(last), str(seed)]
    command += ["parse", str(scan), "-o", str(out), "--to", "md,json", "--deterministic"]
    command += ["--layout", "none"]  # the worker has one of its own
    return subprocess.run(
        command,
        cwd=scan.parents[0],
        env={**os.environ, "PPOCRVL_MODEL": "", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def written(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != JOURNAL
    }


def n_records(out: Path) -> int:
    return (out / JOURNAL).read_bytes().count(b"\n") - 1


@pytest.fixture(scope="module")
def whole(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    out = tmp_path_factory.mktemp("whole")
    done = run(scan, out, 0)
    assert done.returncode == 0, done.stderr
    assert n_records(out) == N_BLOCKS + 3
    assert b"Hello world!" in written(out)["scan.md"]
    return Whole(written(out), int(done.stderr.splitlines()[-1]))


def kill_and_go_on(scan: Path, out: Path, whole: Whole, seed: int) -> None:
    """Twice killed, and then not."""
    chance = random.Random(seed)
    for _ in range(2):
        done = run(scan, out, chance.randrange(1, whole.n_steps + 1), seed)
        assert done.returncode in {-signal.SIGKILL, 0}, done.stderr
    assert run(scan, out, 0).returncode == 0
    assert written(out) == whole.files
    # Nothing that was finished was read again.
    assert n_records(out) == N_BLOCKS + 3


@pytest.mark.parametrize("seed", range(3))
def test_killed(scan: Path, tmp_path: Path, whole: Whole, seed: int) -> None:
    kill_and_go_on(scan, tmp_path, whole, seed)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(3000)
def test_killed_fifty_times(scan: Path, tmp_path: Path, whole: Whole) -> None:
    for seed in range(25):
        kill_and_go_on(scan, tmp_path / str(seed), whole, 100 + seed)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_at_every_step_of_the_last_file(scan: Path, tmp_path: Path, whole: Whole) -> None:
    for step in range(whole.n_steps - 8, whole.n_steps + 1):
        out = tmp_path / str(step)
        assert run(scan, out, step).returncode == -signal.SIGKILL
        assert run(scan, out, 0).returncode == 0
        assert written(out) == whole.files
