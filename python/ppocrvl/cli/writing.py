# SPDX-License-Identifier: Apache-2.0
"""What commands that take their time share: a line of progress, and a clean end."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_BETWEEN_UPDATES = 0.2
_BAR = 24  # characters


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
    """A progress bar on stderr; without a terminal, one line for each thing done."""

    def __init__(self, unit: str = "MB", divisor: int = 1_000_000) -> None:
        """Count in `unit`, each of so many of what the calls say."""
        self._unit, self._divisor = unit, divisor
        self._is_terminal = sys.stderr.isatty()
        self._last_update = 0.0

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note of `done` of `total`."""
        complete = done == total
        now = time.monotonic()
        is_due = now - self._last_update >= _SECONDS_BETWEEN_UPDATES
        if not complete and not (self._is_terminal and is_due):
            return
        self._last_update = now
        digits = 0 if self._divisor == 1 else 1
        counts = [f"{count / self._divisor:.{digits}f}" for count in (done, total)]
        filled = _BAR * done // total if total else _BAR
        bar = f" [{'#' * filled}{'.' * (_BAR - filled)}]" if self._is_terminal else ""
        start = "\r" if self._is_terminal else ""
        end = "\n" if complete else ""
        sys.stderr.write(f"{start}{name}:{bar} {counts[0]} of {counts[1]} {self._unit}{end}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Make room for another line on the terminal; the bar comes again with the next call."""
        if self._is_terminal and self._last_update:
            self._last_update = 0.0
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
