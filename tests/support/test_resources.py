# SPDX-License-Identifier: Apache-2.0
"""Threads where memory is short."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.waiting import SECONDS

# In a process of its own, which has no other threads: it may fork.
STEPS = """
import os
import resource
import signal
import threading

from ppocrvl.errors import EngineError
from ppocrvl.support.resources import start_thread

page = resource.getpagesize()
stack = 8 << 20
threading.stack_size(stack)

def start(more):
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * page
    resource.setrlimit(resource.RLIMIT_AS, (held + stack + more, resource.RLIM_INFINITY))
    thread = threading.Thread(target=int)
    try:
        start_thread(thread, "a test")
        thread.join()
    except EngineError as error:
        assert "a test" in str(error)
        return "refused"
    return "started"

for more in range(-64 << 10, 2 << 20, 16 << 10):
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        os._exit({"started": 0, "refused": 1}[start(more)])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")
def test_no_thread_is_waited_for_that_finds_no_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEPS.replace("SECONDS", str(SECONDS))],
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = [int(line) for line in done.stdout.split()]
    assert set(codes) == {0, 1}  # -14: the alarm ended what waited
    assert codes == sorted(codes, reverse=True)  # the more memory there is, the sooner it starts
