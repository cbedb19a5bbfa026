# SPDX-License-Identifier: Apache-2.0
"""Runs `ppocrvl …` and kills itself at its n-th step, with half a record written if that is one.

python -m tests.parsing.kill_worker N SEED ARGUMENT…

A step is whatever changes a file: a record of the journal, a sync, a rename. The number of steps is
written to stderr if N is 0, in a last line of its own.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.parsing.thirds import open_thirds

from ppocrvl.cli.main import run_command
from ppocrvl.parsing import layouts

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Counts them, and ends the process at one."""

    def __init__(self, last: int, seed: int) -> None:
        self.count = 0
        self._last = last
        self._random = random.Random(seed)
        self._write = os.write

    def step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, file: int, data: Any) -> int:
        if self.count + 1 == self._last:
            self._write(file, bytes(data)[: self._random.randrange(len(data))])
        self.step()
        return self._write(file, data)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            self.step()
            return function(*args, **more)

        return counted


def main() -> None:
    last, seed, *arguments = sys.argv[1:]
    steps = Steps(int(last), int(seed))
    os.write = steps.write
    os.fdatasync = steps.before(os.fdatasync)
    os.fsync = steps.before(os.fsync)
    Path.replace = steps.before(Path.replace)  # type: ignore[method-assign]
    layouts.open_layout = open_thirds  # type: ignore[assignment]
    code = run_command(arguments)
    sys.stderr.write(f"{steps.count}\n")
    sys.stderr.flush()
    os._exit(code)


main()
