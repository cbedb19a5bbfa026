# SPDX-License-Identifier: Apache-2.0
"""The program as a user runs it, a picture, and a hub."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from tests.hub import Hub, serve_hub

from ppocrvl.cli.main import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Program = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """How a run of the program ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small picture of noise."""
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    noise = np.random.default_rng(3).integers(0, 256, (56, 140, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def environment(endless_model: Path, tmp_path: Path) -> dict[str, str]:
    """The endless model, an empty cache, and nothing of this machine's own hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {
        **kept,
        "PPOCRVL_MODEL": str(endless_model),
        "PPOCRVL_CACHE_DIR": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hf"),
    }


@pytest.fixture
def ppocrvl_program(environment: dict[str, str]) -> Program:
    """Runs `ppocrvl …` to its end, in this process, which saves a second each time."""

    def run(*arguments: object, stdin: bytes = b"", **more: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**environment, **more}, clear=True),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run_command([str(argument) for argument in arguments])
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def ppocrvl_process(environment: dict[str, str]) -> Program:
    """Runs `ppocrvl …` to its end, as the process that a user starts."""

    def run(*arguments: object, stdin: bytes = b"", **more: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ppocrvl", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={**environment, **more},
            timeout=600,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def served(endless_model: Path) -> Iterator[Hub]:
    """A hub that serves the endless model."""
    llm, mmproj = sorted(endless_model.iterdir(), key=lambda path: path.name.startswith("mmproj"))
    hub = Hub(
        {
            "model-BF16.gguf": llm.read_bytes(),
            "mmproj-model-BF16.gguf": mmproj.read_bytes(),
            "README.md": b"hello",
        }
    )
    server = serve_hub(hub)
    yield hub
    server.shutdown()
    server.server_close()
