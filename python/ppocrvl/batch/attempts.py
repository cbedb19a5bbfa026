# SPDX-License-Identifier: Apache-2.0
"""Which pages are being read, so that one that ends the process that reads it is found out."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from typing import TYPE_CHECKING

from ppocrvl.support.output import make_folder, output_errors

if TYPE_CHECKING:
    from pathlib import Path

MOST = 3
"""Attempts at a page."""


class Attempts:
    """A file for each attempt at a page, which is removed when the attempt ends in any way.

    What is left is of processes that ended while they read it. Files are neither synced nor
    locked: after a power failure some may be missing, and a page gets a further attempt.

    Args:
        folder: of the manifest.
        run: pages that were left by another run do not count.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder / "attempts" / run

    def unfinished(self) -> dict[str, list[str]]:
        """By the key of a page, the processes that ended while they read it.

        Raises:
            OutputError: a file cannot be read.
        """
        found: dict[str, list[str]] = {}
        with output_errors(self._folder), contextlib.suppress(FileNotFoundError):
            for path in sorted(self._folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):  # of one that ended just now
                    found.setdefault(path.name.split(".")[0], []).append(path.read_text())
        return found

    def begin(self, key: str) -> Path:
        """An attempt begins; the file of it.

        Raises:
            OutputError: it cannot be written.
        """
        path = make_folder(self._folder) / f"{key}.{secrets.token_hex(8)}"
        with output_errors(path):
            path.write_text(worker_name())
        return path

    def forget(self, key: str) -> None:
        """The page is done: no attempt at it counts any more."""
        with contextlib.suppress(OSError):
            for path in self._folder.glob(f"{key}.*"):
                path.unlink(missing_ok=True)

    def forget_other_runs(self) -> None:
        """Removes what runs left that were killed."""
        with contextlib.suppress(OSError):
            for path in self._folder.parent.iterdir():
                if path != self._folder:
                    shutil.rmtree(path, ignore_errors=True)

    def forget_all(self) -> None:
        """The run has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)


def worker_name() -> str:
    """What to call this process."""
    return f"{os.getpid()} on {socket.gethostname()}"
