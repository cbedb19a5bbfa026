# SPDX-License-Identifier: Apache-2.0
"""What is measured on."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ppocrvl.support.native import _native


def cpu_name() -> str:
    """As Linux calls it, or empty."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    names = (
        line.split(":")[1].strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    )
    return next(names, "")


def physical_cores() -> int:
    """Cores of the machine, or its CPUs where it does not say which share a core."""
    pairs = set()
    for folder in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology"):
        pairs.add((folder / "thread_siblings_list").read_text(encoding="ascii").strip())
    return len(pairs) or os.cpu_count() or 1


def describe(threads: int) -> dict[str, str]:
    """The machine and the versions of what was measured in this environment."""
    found = {
        "processor": cpu_name(),
        "CPUs": str(os.cpu_count()),
        "threads used": str(threads),
        "features": ", ".join(_native.cpu_features()),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "llama.cpp": _native.build_info().llama_commit[:9],
    }
    for name in ("ppocrvl", "torch", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
