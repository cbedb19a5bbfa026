# SPDX-License-Identifier: Apache-2.0
"""One run at a time writes into a folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ppocrvl.errors import OutputError

if sys.platform != "win32":  # which has no flock
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path


def lock(file: int, folder: Path) -> None:
    """Takes the lock of an open file, which ends when the file is closed or the process ends.

    Args:
        file: its descriptor.
        folder: what to call in the message.

    Raises:
        OutputError: another run has it.
        OSError: the file system has no locks.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"{folder}: another run writes into this folder; wait for its end, or name another "
            "with -o"
        ) from error
