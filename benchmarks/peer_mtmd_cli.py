# SPDX-License-Identifier: Apache-2.0
"""Measures llama-mtmd-cli, one process a picture, by the times in its log. Started by run.py.

It has no second request to time, so its one request is cold; loading is not in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from worker import Job, Outcome, job, report

STAMP = re.compile(r"^(\d+)\.(\d+)\.(\d+)\.(\d+) ")


def command(asked: Job) -> list[str]:
    """The program with one picture."""
    return [
        *(asked["binary"], "-m", asked["llm"], "--mmproj", asked["mmproj"], "--jinja", "-v"),
        *("--image", asked["pictures"][0], "-p", "OCR:", "--temp", "0", "--ignore-eos"),
        *("-n", str(asked["tokens"]), "-t", str(asked["threads"]), "-c", str(asked["context"])),
    ]


def seconds_of(line: str) -> float:
    """The time stamp of a line of the log."""
    stamp = STAMP.match(line)
    if stamp is None:
        sys.exit(f"llama-mtmd-cli: no time stamp in {line!r}")
    minutes, seconds, milliseconds, microseconds = map(int, stamp.groups())
    return 60 * minutes + seconds + milliseconds / 1e3 + microseconds / 1e6


def find(pattern: str, log: str) -> re.Match[str]:
    """Where the log says it."""
    found = re.search(pattern, log, re.MULTILINE)
    if found is None:
        sys.exit(f"llama-mtmd-cli: its log has no {pattern!r}:\n{log[-1000:]}")
    return found


def parse(log: str) -> Outcome:
    """What the log says: a stamp where encoding begins, and llama.cpp's sums at the end."""
    begin = find(r"^.*encoding mtmd batch.*$", log)
    end = find(r"^.*llama_perf_context_print: +load time.*$", log)
    encode = int(find(r"mtmd batch encoding done in (\d+) ms", log)[1]) / 1000
    runs = find(r" eval time = +([\d.]+) ms / +(\d+) runs", log)
    prompt = find(r"prompt eval time = +([\d.]+) ms / +(\d+) tokens", log)
    decode = float(runs[1]) / 1000
    steps = int(runs[2]) if decode > 0 else 0  # llama.cpp says "1 runs" of none
    seconds = seconds_of(end[0]) - seconds_of(begin[0])
    return {
        "load": seconds_of(begin[0]),
        "seconds": seconds,
        "encode": encode,
        "answers": [
            {
                "prompt_tokens": int(prompt[2]),
                "tokens": steps + 1,  # the first comes with the prompt
                "encode": encode,
                "prefill": seconds - encode - decode,
                "decode": decode,
            }
        ],
    }


def main() -> None:
    """Measure, and print one line."""
    asked = job()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(command(asked), stdout=subprocess.DEVNULL, stderr=file)
        # The kernel starts a child's ru_maxrss at its parent's, and this parent is small.
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic() - asked["spawned"]
        process.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text(encoding="utf-8", errors="replace")
        if process.returncode != 0:
            sys.exit(f"llama-mtmd-cli ended with {process.returncode}:\n{text[-2000:]}")
    outcome = parse(text)
    outcome["peak"] = usage.ru_maxrss * 1024
    if asked["kind"] == "start":
        outcome["first"] = outcome["seconds"] = ended  # it ends after the one token
    report(outcome)


if __name__ == "__main__":
    main()
