# SPDX-License-Identifier: Apache-2.0
"""`pip install .` on this machine, twice: the second one compiles our own files only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = [pytest.mark.build, pytest.mark.slow]

LIMIT_SECONDS = 60
IGNORED = shutil.ignore_patterns(".git", "build", "dist", ".venv", "__pycache__", ".*_cache")


def cache_dir() -> Path:
    """Where source.cmake keeps things, on the platforms the tests run on."""
    if named := os.environ.get("PPOCRVL_CACHE_DIR"):
        return Path(named)
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "ppocrvl"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ppocrvl"
    return Path.home() / ".cache" / "ppocrvl"


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    """What would differ if anything were unpacked or compiled again."""
    state = {}
    for path in root.rglob("*"):
        if "__pycache__" not in path.parts:
            stat = path.stat()
            state[str(path)] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return state


class Installed(NamedTuple):
    """What `pip install .` took and said, and the Python that has it."""

    seconds: float
    output: str
    python: Path


def install(project: Path, home: Path) -> Installed:
    """Copies the project, makes a new environment and installs the copy there."""
    copy = home / "project"
    shutil.copytree(project, copy, ignore=IGNORED)
    environment = home / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    start = time.monotonic()
    result = subprocess.run(
        [str(python), "-m", "pip", "install", "--verbose", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
    assert not (copy / "build").exists()
    return Installed(seconds, result.stdout + result.stderr, python)


@pytest.fixture(scope="module")
def second_install(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The second of two, after which the cache is what it was after the first."""
    _, output, _ = install(project_root, tmp_path_factory.mktemp("first"))
    assert "llama.cpp: using" in output or "llama.cpp: compiling" in output
    before = snapshot(cache_dir())
    assert before

    second = install(project_root, tmp_path_factory.mktemp("second"))
    assert snapshot(cache_dir()) == before
    return second


@pytest.mark.quiet
@pytest.mark.timeout(3000)
def test_second_install_is_quick(second_install: Installed) -> None:
    assert second_install.seconds <= LIMIT_SECONDS


@pytest.mark.timeout(3000)
def test_second_install_compiles_our_files_only(
    second_install: Installed, project_root: Path, tmp_path: Path
) -> None:
    _, output, python = second_install
    assert "llama.cpp: using" in output
    assert "llama.cpp: compiling" not in output

    # In these environments there is no torch, and the current folder is not the project's.
    sample = project_root / "samples" / "hello.png"
    for command in (
        [str(python.parent / "ppocrvl"), "ocr", str(sample)],
        [str(python), "-c", f"import ppocrvl; print(ppocrvl.ocr({str(sample)!r}))"],
    ):
        shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert shown.stdout == sample.with_suffix(".txt").read_text(encoding="utf-8")
    no_torch = [str(python), "-c", "import torch"]
    assert subprocess.run(no_torch, capture_output=True, check=False).returncode != 0
