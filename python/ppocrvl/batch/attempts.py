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
    from collections.abc import Iterable
    from pathlib import Path

MOST = 3
"""Attempts at a page."""


class Attempts:
    """A folder for each page, a file there for each attempt, removed when it ends in any way.

    What is left is of processes that ended while they read it. Files are neither synced nor
    locked: after a power failure some may be missing, and a page gets a further attempt.

    Args:
        folder: of the manifest.
        run: pages that were left by another run do not count.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder / "attempts" / run

    def unfinished(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """By the key of a page, the processes that ended while they read it.

        Only these pages are looked up, since every worker asks before each of its blocks, and all
        workers together have many pages under way.

        Args:
            keys: of the pages that matter.

        Raises:
            OutputError: a file cannot be read.
        """
        found: dict[str, list[str]] = {}
        for key in keys:
            with output_errors(self._folder), contextlib.suppress(FileNotFoundError):
                for path in sorted((self._folder / key).iterdir()):
                    with contextlib.suppress(FileNotFoundError):  # of one that ended just now
                        found.setdefault(key, []).append(path.read_text())
        return found

    def begin(self, key: str) -> Path:
        """An attempt begins; the file of it.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._folder / key / secrets.token_hex(8)
        with output_errors(path):
            while True:
                make_folder(path.parent)
                # Another worker may be done with a page of the same bytes just now.
                with contextlib.suppress(FileNotFoundError):
                    path.write_text(worker_name())
                    return path

    def forget(self, key: str) -> None:
        """The page is done: no attempt at it counts any more."""
        shutil.rmtree(self._folder / key, ignore_errors=True)

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
