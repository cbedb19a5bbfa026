# SPDX-License-Identifier: Apache-2.0
"""Run tests on a busy machine whose processes are held up: none may depend on who is faster.

python scripts/shake.py                          # the default suite, three times in a row
python scripts/shake.py --runs 1 tests/server    # these tests once; the rest is pytest's
python scripts/shake.py --runs 1 --seed 7        # as the run that said "seed 7"

As many processes as there are cores spin beside the tests, and over and over one process of the run
(pytest itself, a server, a program under test), drawn by chance, stands still for 0.05 to 1 s.

Left out of the default suite: what is marked `quiet`, which asserts a time, and `build`, which runs
compilers: they take minutes and share nothing with anybody.

The seed fixes what is drawn, not what the machine does meanwhile. Linux only (/proc, pidfd).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CORES = len(os.sched_getaffinity(0))
PYTEST = [sys.executable, "-m", "pytest", "-m", "not slow and not quiet and not build"]
# A limit is there to end what hangs; here everything takes some times as long.
TIMEOUT = ["--timeout", "900"]
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    pass"  # no longer than we live
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def descendants() -> set[int]:
    """The processes that this one started and those that they started.

    None escapes by losing its parent: it becomes a child of this process, the subreaper.
    """
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                parent = int(stat.rpartition(")")[2].split()[1])  # its name may hold anything
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    new = children.get(os.getpid(), [])
    while new:
        found |= set(new)
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def send(process: int, number: signal.Signals) -> None:
    """Sends a signal to a descendant, and never to a stranger that got its number since."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process)
        try:
            if process in descendants():
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


@contextlib.contextmanager
def held(process: int) -> Iterator[None]:
    """A process that stands still, and goes on whatever happens here."""
    try:
        send(process, signal.SIGSTOP)
        yield
    finally:
        send(process, signal.SIGCONT)


@contextlib.contextmanager
def busy_cores() -> Iterator[set[int]]:
    """A spinning process per core; gives their numbers."""
    command = [sys.executable, "-S", "-c", SPIN, str(os.getpid())]
    spinning: list[subprocess.Popen[bytes]] = []
    try:
        while len(spinning) < CORES:
            spinning.append(subprocess.Popen(command, start_new_session=True))
        yield {process.pid for process in spinning}
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def bury(but: set[int]) -> None:
    """Waits for orphans that have ended, as init would; a test may look for one to be gone."""
    for child in descendants() - but:
        with contextlib.suppress(ChildProcessError):  # somebody else's child
            os.waitpid(child, os.WNOHANG)


def end(run: subprocess.Popen[bytes], but: set[int]) -> None:
    """Ends what is left of a run; pytest may say where it was."""
    try:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(10)
    finally:
        while left := descendants() - but:
            for process in left:
                send(process, signal.SIGKILL)
            run.poll()
            bury(but | {run.pid})
            time.sleep(0.01)


def shaken(arguments: list[str], seed: int) -> int:
    """One run of pytest. Gives its exit code."""
    draw = random.Random(seed)
    holds = 0
    with busy_cores() as spinning:
        command = [*PYTEST, *TIMEOUT, *arguments]
        # In a session of its own: Ctrl-C comes here, and only here.
        run = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        ours = spinning | {run.pid}
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(draw.uniform(0.0, 1.0))
                    break
                bury(ours)
                chosen = draw.choice(sorted(descendants() - spinning))
                with held(chosen):
                    time.sleep(draw.uniform(0.05, 1.0))
                holds += 1
        finally:
            end(run, spinning)
    print(f"shake: {CORES} cores busy, {holds} times a process stood still", flush=True)
    return run.returncode


def terminated(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Run tests on a busy machine whose processes are held up at random.",
        epilog="Everything else is handed to pytest: paths, -k, -m, -x …",
        allow_abbrev=False,
    )
    parser.add_argument("--runs", type=int, default=3, help="how often; 3 unless given")
    parser.add_argument("--seed", type=int, help="of the first run; the next has the next")
    options, arguments = parser.parse_known_args()
    if sys.platform != "linux":
        parser.error("needs Linux")
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    signal.signal(signal.SIGTERM, terminated)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in range(options.runs):
        name = f"shake: run {number + 1} of {options.runs}, seed {seed + number}"
        print(name, flush=True)
        try:
            code = shaken(arguments, seed + number)
        except KeyboardInterrupt:
            print("shake: interrupted", file=sys.stderr)
            return 128 + signal.SIGINT
        print(f"{name}: {'passed' if code == 0 else f'FAILED (exit code {code})'}", flush=True)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
