# SPDX-License-Identifier: Apache-2.0
"""What the commands that write model files share: a line of progress, and a clean end."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_BETWEEN_UPDATES = 0.2


@contextlib.contextmanager
def cleanup_on_termination() -> Iterator[None]:
    """Lets SIGTERM unwind the program as Ctrl-C does, so that temporary files are removed."""

    def leave(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)  # ExitCode.TERMINATED

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ProgressLine:
    """Shows on stderr how far the writing is; without a terminal, one line for each file done."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._last_update = 0.0

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note of `done` bytes of `total`."""
        complete = done == total
        now = time.monotonic()
        is_due = now - self._last_update >= _SECONDS_BETWEEN_UPDATES
        if not complete and not (self._is_terminal and is_due):
            return
        self._last_update = now
        start = "\r" if self._is_terminal else ""
        end = "\n" if complete else ""
        sys.stderr.write(f"{start}{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB{end}")
        sys.stderr.flush()
