# SPDX-License-Identifier: Apache-2.0
"""Our files in upstream's own, unmodified program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import ppocrvl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def stock_tools(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of upstream's programs; compiled the first time, some 10 minutes."""
    build = tmp_path_factory.mktemp("tools")
    command = ["cmake", "-G", "Ninja", "-S", str(project_root), "-B", str(build)]
    command += ["-DPPOCRVL_BUILD_TOOLS=ON", "-DCMAKE_BUILD_TYPE=Release"]
    command += ["-DPPOCRVL_BUILD_PYTHON=OFF"]
    done = subprocess.run(command, check=True, timeout=3000, capture_output=True, text=True)
    place = re.search(r"programs in (.+)", done.stdout)
    assert place is not None, done.stdout
    return Path(place[1])


@pytest.mark.timeout(3600)
def test_llama_mtmd_cli_reads_the_sample(stock_tools: Path, samples: Path) -> None:
    models = Path(ppocrvl.__file__).parent / "models"
    command = [str(stock_tools / "llama-mtmd-cli"), "-m", str(models / "tiny-en-BF16.gguf")]
    command += ["--mmproj", str(models / "mmproj-tiny-en-BF16.gguf")]
    command += ["--image", str(samples / "hello.png"), "-p", "OCR:", "--jinja"]
    command += ["--temp", "0", "-n", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert truth in done.stdout
