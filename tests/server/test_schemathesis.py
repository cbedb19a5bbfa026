# SPDX-License-Identifier: Apache-2.0
"""Requests made from the OpenAPI document, right and wrong ones, by schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.running import StartServer

PROGRAM = Path(sys.executable).with_name("schemathesis")
LEFT_OUT = "positive_data_acceptance"
"""That what fits the document is accepted: a text that fits is hardly ever a picture."""


@pytest.mark.slow
def test_openapi_document(start_server: StartServer, tmp_path: Path) -> None:
    running = start_server("--parallel", 2).wait_ready()
    done = subprocess.run(
        [
            *(str(PROGRAM), "run", f"{running.url}/openapi.json", "--url", running.url),
            *("--checks", "all", "--exclude-checks", LEFT_OUT),
            *("--max-examples", "25", "--seed", "1", "--workers", "2"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert running.get("/health").is_success
    assert running.stop() == 0
    assert not [line for line in running.log if "fault" in line]
