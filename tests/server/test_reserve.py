# SPDX-License-Identifier: Apache-2.0
"""Memory is kept for small things."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from tests.waiting import SECONDS

CODE = """
import resource, threading
from ppocrvl.server.reserve import RESERVE_BYTES, keep_reserve

def small(pieces=RESERVE_BYTES * 3 // 4 // 1024):
    held = [bytes(1000) for _ in range(pieces)]
    return len(held) == pieces

started, go_on, results = threading.Event(), threading.Event(), []

def ask():
    started.set()
    go_on.wait()
    results.append(small())

keep_reserve()
thread = threading.Thread(target=ask)
thread.start()
started.wait()
pages = int(open("/proc/self/statm").read().split()[0])
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard))
results.append(small())
go_on.set()
thread.join()
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(results)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's malloc that is told")
def test_small_pieces_are_there_where_the_system_has_none() -> None:
    """In every thread."""
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stderr == ""
    assert done.stdout == "[True, True]\n"
