# SPDX-License-Identifier: Apache-2.0
"""Parity at the official size, with random weights, on all shapes: `pytest -m full -s`.

Unmodified mtmd stands beside ours where its program is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode, OptionError
from ppocrvl.export.synthetic import FULL, write_synthetic_checkpoint
from ppocrvl.parity.stock import find_program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.full, pytest.mark.reference, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.96 billion random parameters in bf16."""
    folder = tmp_path_factory.mktemp("full") / "PaddleOCR-VL"
    write_synthetic_checkpoint(folder, FULL)
    return folder


@pytest.mark.parametrize("kind", ["f32", "bf16"])
def test_all_shapes(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    ppocrvl.export(checkpoint, tmp_path, llm_type=kind, mmproj_type=kind)
    command = ["parity", str(checkpoint), str(tmp_path), "--max-tokens", "4"]
    if kind == "bf16":
        command += ["--reference-bf16"]
    elif _stock_is_built():
        command += ["--against", "stock"]
    assert run_command(command) == ExitCode.OK


def _stock_is_built() -> bool:
    try:
        find_program(None)
    except OptionError:
        return False
    return True
