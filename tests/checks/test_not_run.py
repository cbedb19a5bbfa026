# SPDX-License-Identifier: Apache-2.0
"""The end of a run says what it left out."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

chromium = pytest.mark.skipif(True, reason="needs Chromium: apt-get install chromium")

@chromium
@pytest.mark.parametrize("number", range(3))
def test_page(number):
    pass

def test_found_out_late():
    pytest.skip("needs the files: FILES=FOLDER")

def test_for_another_reason():
    pytest.skip("no fork here")

def test_that_runs():
    pass
"""
FILE = """
import pytest
pytest.importorskip("no_such_module", reason="needs Chromium: apt-get install chromium")
"""


def run(folder: Path, project_root: Path, *more: str) -> list[str]:
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra\n", encoding="utf-8")
    (folder / "conftest.py").write_text(
        "from tests.not_run import NotRun\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(NotRun())\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", *more, str(folder)]
    environment = {"PYTHONPATH": str(project_root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def test_one_line_groups_what_was_left_out(tmp_path: Path, project_root: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "test_whole.py").write_text(FILE, encoding="utf-8")
    *above, line, last = run(tmp_path, project_root)
    assert line == (
        "not run: 3 tests (Chromium: apt-get install chromium), "
        "1 file (Chromium: apt-get install chromium), "
        "1 test (the files: FILES=FOLDER), 1 test (why is said above)"
    )
    assert "1 passed, 6 skipped" in last
    assert any(text.endswith("no fork here") for text in above)


def test_no_line_where_all_ran(tmp_path: Path, project_root: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_that_runs():\n    pass\n", encoding="utf-8")
    assert not [line for line in run(tmp_path, project_root) if line.startswith("not run")]
