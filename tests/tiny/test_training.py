# SPDX-License-Identifier: Apache-2.0
"""The training runs, keeps its state, goes on from it, and starts from an exported checkpoint."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.not_run import TORCH, TRAINING_FONTS

from tiny import fonts

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch", reason=TORCH)
pytest.importorskip("transformers", reason=TORCH)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not fonts.train_fonts(), reason=TRAINING_FONTS)
def test_train_resume_and_start_from_export(project_root: Path, tmp_path: Path) -> None:
    def train(*options: str | Path) -> list[str]:
        script = project_root / "scripts" / "train_tiny.py"
        command = [sys.executable, "-W", "ignore", script, "--work", tmp_path, *options]
        command += ["--processes", "1", "--budget", "20", "--export", tmp_path / "model"]
        subprocess.run([str(c) for c in command], check=True, capture_output=True, timeout=250)
        log = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
        assert log[0].startswith("seconds,step,samples")
        return log[-1].split(",")

    first = train("--hours", "0.001")
    assert int(first[1]) > 0
    assert (tmp_path / "model" / "model.safetensors").stat().st_size > 1_000_000
    again = train("--hours", "0.002", "--resume")
    assert int(again[1]) > int(first[1])
    assert float(again[0]) > float(first[0])
    other = train("--hours", "0.002", "--start", "0.5", "--init-from", tmp_path / "model")
    assert float(other[0]) > 0.5 * 0.002 * 3600
    assert int(other[1]) > 0
