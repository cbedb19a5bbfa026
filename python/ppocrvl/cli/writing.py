# SPDX-License-Identifier: Apache-2.0
"""What commands that take their time share: a line of progress, and a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tqdm import tqdm


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
        self._name = ""
        self._bar: tqdm | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note of `done` of `total`."""
        if self._is_terminal:
            self._show(name, done, total)
        elif done == total:
            digits = 0 if self._divisor == 1 else 1
            counts = [f"{count / self._divisor:.{digits}f}" for count in (done, total)]
            sys.stderr.write(f"{name}: {counts[0]} of {counts[1]} {self._unit}\n")
            sys.stderr.flush()

    def clear(self) -> None:
        """Make room for another line on the terminal; the bar comes again with the next call."""
        if self._bar is not None:
            self._bar.clear()

    def _show(self, name: str, done: int, total: int) -> None:
        from tqdm import tqdm  # gguf and huggingface_hub depend on it

        if self._bar is None or name != self._name:
            self._close()
            self._name = name
            self._bar = tqdm(
                desc=name,
                total=total,
                unit=f" {self._unit}" if self._divisor == 1 else "B",
                unit_scale=self._divisor != 1,
                **bar_size(),
            )
        self._bar.update(done - self._bar.n)
        if done == total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def bar_size() -> dict[str, Any]:
    """For tqdm, which shows nothing on a terminal that states no size, as some in containers."""
    with contextlib.suppress(OSError):
        if os.get_terminal_size(sys.stderr.fileno()).columns == 0:
            return {"ncols": 80, "nrows": 24}
    return {"dynamic_ncols": True}
