# SPDX-License-Identifier: Apache-2.0
"""A build for ARM, made by a cross compiler, on ARM CPUs as qemu has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
COMPILER = shutil.which("aarch64-linux-gnu-g++")
NEW, OLD = "max", "cortex-a72"  # with BF16, and without

pytestmark = [
    pytest.mark.build,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(5400),
    pytest.mark.skipif(QEMU is None, reason="needs qemu-aarch64: apt-get install qemu-user-static"),
    pytest.mark.skipif(COMPILER is None, reason="apt-get install g++-aarch64-linux-gnu"),
]


@pytest.fixture(scope="module")
def test_program(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ tests of preset `aarch64`; llama.cpp is compiled for it the first time."""
    build = tmp_path_factory.mktemp("aarch64")
    command = ["cmake", "--preset", "aarch64", "-B", str(build)]
    command += [f"-DPython_EXECUTABLE={sys.executable}"]
    for step in (command, ["cmake", "--build", str(build), "--target", "ppocrvl_tests"]):
        done = subprocess.run(
            step, cwd=project_root, capture_output=True, text=True, timeout=5000, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return build / "csrc" / "tests" / "ppocrvl_tests"


@pytest.mark.parametrize("cpu", [NEW, OLD])
@pytest.mark.parametrize(
    "cases",
    [
        "kernels: linear layers to rows",
        "kernels: products of few tokens",
        "kernels: quantized weights are ggml's to the bit",
        "kernels: attention of few tokens",
        "decoder threads: products are those of ggml",
        "engine: the same question",  # reads with the built-in model
    ],
)
def test_kernels_and_engine(test_program: Path, project_root: Path, cpu: str, cases: str) -> None:
    assert QEMU is not None
    models = project_root / "python" / "ppocrvl" / "models" / "builtin"
    done = subprocess.run(
        [QEMU, "-cpu", cpu, "-L", "/usr/aarch64-linux-gnu", str(test_program), cases],
        env={**os.environ, "PPOCRVL_TEST_MODEL": str(models)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"ok      {cases}" in done.stderr
    assert " 0 failed checks" in done.stderr
