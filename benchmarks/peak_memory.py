# SPDX-License-Identifier: Apache-2.0
"""The most memory that a process ever had: every page it touched, those of mapped files too."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def peak_bytes(process: int | None = None) -> int:
    """The peak resident size of a process in bytes.

    Linux starts `ru_maxrss` of a new program at the peak of the process that started it, which
    may have been larger; `VmHWM` begins anew.

    Args:
        process: its number, on Linux alone; None for this process.
    """
    status = Path(f"/proc/{process or 'self'}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    if process is not None:
        raise OSError(f"process {process}: no peak memory to read")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def resident_bytes() -> int:
    """What this process has in memory now, in bytes. Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
