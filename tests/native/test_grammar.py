# SPDX-License-Identifier: Apache-2.0
"""No grammar gets native code to crash, to hang, or to print."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import ppocrvl
from ppocrvl.errors import OptionError
from ppocrvl.models.folder import find_model

WORKER = Path(__file__).with_name("grammar_worker.py")


def run_worker(tmp_path: Path, first: int, count: int) -> Counter[str]:
    """How many grammars were taken, refused, or failed."""
    paths = find_model(None, None)
    outcomes = tmp_path / "outcomes.txt"
    command = [sys.executable, str(WORKER), str(paths.llm), str(paths.mmproj)]
    command += [str(first), str(count), str(outcomes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    lines = outcomes.read_text("utf-8").splitlines()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), lines[-1:]
    assert len(lines) == count
    return Counter(line.split()[1].rstrip(":") for line in lines)


def test_random_grammars_neither_crash_nor_print(tmp_path: Path) -> None:
    kinds = run_worker(tmp_path, 0, 400)
    assert kinds["taken"] > 20
    assert kinds["refused"] > 100


@pytest.mark.slow
def test_many_random_grammars_neither_crash_nor_print(tmp_path: Path) -> None:
    run_worker(tmp_path, 1000, 5_000)


def test_the_place_of_a_mistake_is_named() -> None:
    with (
        ppocrvl.Engine() as engine,
        pytest.raises(OptionError, match="grammar, line 2, column 7: there is no rule digit"),
    ):
        engine.ocr(np.zeros((28, 28, 3), np.uint8), grammar="root ::= n\nn ::= digit+")
