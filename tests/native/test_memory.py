# SPDX-License-Identifier: Apache-2.0
"""Out of memory: a typed error at worst, and an engine that reads on when there is enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.native.conftest import RandomModel

WORKER = Path(__file__).with_name("memory_worker.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")


@pytest.mark.parametrize("kernels", ["auto", "ggml"])
def test_every_amount_of_memory(random_model: RandomModel, kernels: str) -> None:
    command = [sys.executable, str(WORKER), str(random_model.llm), str(random_model.mmproj)]
    command += [kernels, "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    assert done.stderr == ""
    outcomes = [line.split()[1:] for line in done.stdout.splitlines()]
    assert {name for one in outcomes for name in one} <= {"ok", "EngineError", "MemoryError"}
    assert outcomes[0][0] != "ok"  # nothing is left
    # The range has all of it: no engine, an engine without memory for a picture, everything.
    assert ["ok", "EngineError", "EngineError"] in outcomes
    assert outcomes[-1] == ["ok", "ok", "ok"]
