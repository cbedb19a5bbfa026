# SPDX-License-Identifier: Apache-2.0
"""No damage to a model file may crash, abort or hang the process."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.models.folder import ModelPaths

WORKER = Path(__file__).with_name("fuzz_worker.py")


def _run(files: Sequence[Path], role: str, n_cases: int, folder: Path) -> dict[int, str]:
    """Outcome by seed; a worker that dies is replaced, and its seed's outcome says so."""
    outcomes: dict[int, str] = {}
    while len(outcomes) < n_cases:
        first = len(outcomes)
        worker = subprocess.run(
            [sys.executable, *map(str, (WORKER, role, folder, first, n_cases - first, *files))],
            capture_output=True,
            text=True,
            check=False,
        )
        begun = None
        for line in worker.stdout.splitlines():
            word, seed, *rest = line.split(maxsplit=2)
            begun = int(seed)
            if word == "end":
                outcomes[begun] = rest[0]
                begun = None
        if begun is not None:
            outcomes[begun] = f"killed the process ({worker.returncode}): {worker.stderr[-2000:]}"
        assert worker.returncode == 0 or begun is not None, worker.stderr
    return outcomes


def _check(outcomes: dict[int, str], least_ran: float = 1 / 50) -> None:
    wrong = {seed: end for seed, end in outcomes.items() if end not in {"ran", "refused"}}
    assert not wrong
    counts = collections.Counter(outcomes.values())
    # The damage must neither be harmless nor all of one kind.
    assert counts["refused"] > len(outcomes) / 2
    assert counts["ran"] > len(outcomes) * least_ran


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["llm", "mmproj"])
def test_damaged_files_are_refused_or_run(
    tiny_model: ModelPaths, role: str, tmp_path: Path
) -> None:
    _check(_run((tiny_model.llm, tiny_model.mmproj), role, 200, tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", ["llm", "mmproj"])
def test_many_damaged_files(model: ModelPaths, role: str, tmp_path: Path) -> None:
    _check(_run((model.llm, model.mmproj), role, 2500, tmp_path))


def _damage_a_layout_model(size: str, n_cases: int, folder: Path) -> None:
    write_synthetic_layout(folder / size, size, image_size=96)
    outcomes = _run([export_layout(folder / size, folder)], "layout", n_cases, folder)
    _check(outcomes, 1 / 100)  # their files have little beside sizes, each of which is checked


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", ["v2-small", "v3-small"])
def test_damaged_layout_files_are_refused_or_run(size: str, tmp_path: Path) -> None:
    _damage_a_layout_model(size, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", ["v2-small", "v3-small"])
def test_many_damaged_layout_files(size: str, tmp_path: Path) -> None:
    _damage_a_layout_model(size, 1000, tmp_path)
