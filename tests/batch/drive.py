# SPDX-License-Identifier: Apache-2.0
"""Runs `ppocrvl batch …` with faults in it.

python -m tests.batch.drive N FAULTS ARGUMENT…

The process kills itself when N rows have come out of the last stage; 0 for never. FAULTS is "yes"
for workers of Ray in which `faults.install` was called.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ppocrvl.batch.tally import Tally
from ppocrvl.cli.main import run_command

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    last, faults, *arguments = sys.argv[1:]
    if faults == "yes":
        import ray

        address = arguments[arguments.index("--ray") + 1]
        ray.init(
            address=address,
            log_to_driver=False,
            runtime_env={
                "worker_process_setup_hook": "tests.batch.faults.install",
                "env_vars": {"PYTHONPATH": str(ROOT)},
            },
        )
    add, n_rows = Tally.add, 0

    def counted(self: Tally, row: Any) -> bool:
        nonlocal n_rows
        n_rows += 1
        if n_rows == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        return add(self, row)

    patch.object(Tally, "add", counted).start()
    code = run_command(arguments)
    sys.stdout.flush()
    os._exit(code)


main()
