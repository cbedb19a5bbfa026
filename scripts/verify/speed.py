# SPDX-License-Identifier: Apache-2.0
"""The same pages through ppocrvl and llama-server, with the workers of benchmarks/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import EngineError
from ppocrvl.models.folder import find_model
from ppocrvl.support.hashing import sha256_of_file

if TYPE_CHECKING:
    from verify.work import Work

_PICTURES = 4
_CONTEXT = 8192
_SECONDS = 3600
OURS, PEER = "ppocrvl", "llama-server"


def measure(work: Work) -> dict[str, Any]:
    """Seconds and tokens of each program; one request at a time, as many tokens for each page."""
    paths = find_model(work.exported)
    pages = sorted(map(str, work.pages.glob("*.png")))
    job = {
        "kind": "read",
        "llm": str(paths.llm),
        "mmproj": str(paths.mmproj),
        "checkpoint": "",
        "dtype": "",
        "warm_up": pages[0],
        "pictures": (pages[1:] or pages)[:_PICTURES],
        "tokens": min(64, work.max_tokens),
        "parallel": 1,
        "context": _CONTEXT,
        "threads": work.threads or os.cpu_count() or 1,
        "binary": str(work.llama_server or ""),
        "split": False,
    }
    found: dict[str, Any] = {OURS: _run("peer_ours.py", work, job)}
    if work.llama_server is None:
        how = "do it with --redo speed --llama-server PATH"
        found[PEER] = f"not measured: no {PEER} was found; {how}"
    else:
        measured = _run("peer_llama_server.py", work, job)
        found[PEER] = {**measured, "sha256": sha256_of_file(work.llama_server)}
    return found


def _run(worker: str, work: Work, job: dict[str, Any]) -> dict[str, Any]:
    asked = json.dumps({**job, "spawned": time.monotonic()})
    command = [sys.executable, str(work.root / "benchmarks" / worker), asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise EngineError(f"{worker} failed: {' '.join(done.stderr.split())[-500:]}")
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    tokens = sum(answer["tokens"] for answer in outcome["answers"])
    return {
        "seconds": outcome["seconds"],
        "pages": len(outcome["answers"]),
        "tokens": tokens,
        "load": outcome["load"],
        "peak_bytes": outcome["peak"],
    }
