# SPDX-License-Identifier: Apache-2.0
"""A build for older CPUs, on older CPUs as qemu has them: an instruction that they lack ends it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")

pytestmark = [
    pytest.mark.build,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="about x86-64"),
    pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64: apt-get install qemu-user"),
]


@pytest.fixture(scope="module")
def test_program(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ tests of preset `older-cpu`; llama.cpp is compiled for it the first time."""
    build = tmp_path_factory.mktemp("older")
    command = ["cmake", "--preset", "older-cpu", "-B", str(build)]
    command += [f"-DPython_EXECUTABLE={sys.executable}"]
    for step in (command, ["cmake", "--build", str(build), "--target", "ppocrvl_tests"]):
        done = subprocess.run(
            step, cwd=project_root, capture_output=True, text=True, timeout=3000, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return build / "csrc" / "tests" / "ppocrvl_tests"


@pytest.mark.parametrize(
    ("cpu", "cases"),
    [
        ("Westmere", "engine: the same question"),  # SSE4.2, no AVX; reads with the built-in model
        ("Haswell", "kernels: layer norm"),  # AVX2; the emulator is too slow at it for much more
        ("Haswell", "kernels: the largest sums fit"),
    ],
)
def test_no_illegal_instruction(
    test_program: Path, project_root: Path, cpu: str, cases: str
) -> None:
    assert QEMU is not None
    models = project_root / "python" / "ppocrvl" / "models" / "builtin"
    done = subprocess.run(
        [QEMU, "-cpu", cpu, str(test_program), cases],
        env={**os.environ, "PPOCRVL_TEST_MODEL": str(models)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"ok      {cases}" in done.stderr
    assert " 0 failed checks" in done.stderr
