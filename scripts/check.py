# SPDX-License-Identifier: Apache-2.0
"""Run every check of the project; this is what CI runs.

python scripts/check.py               # all stages but the slow ones
python scripts/check.py lint types    # only these
python scripts/check.py all           # with clang-tidy, the sanitizers, slow tests
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPP_SOURCES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("csrc/**/*.cpp", "csrc/**/*.h")
    for path in ROOT.glob(pattern)
)
Command = list[str]


def preset(name: str) -> list[Command]:
    """The commands that configure, build and test one CMake preset."""
    return [
        ["cmake", "--preset", name, f"-DPython_EXECUTABLE={sys.executable}"],
        ["cmake", "--build", "--preset", name],
        ["ctest", "--preset", name],
    ]


PYTEST = [sys.executable, "-m", "pytest"]
STAGES: dict[str, list[Command]] = {
    "lint": [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["clang-format", "--dry-run", "--Werror", *CPP_SOURCES],
    ],
    "types": [["mypy"]],
    "core": preset("default"),
    "tidy": [["run-clang-tidy.py", "-quiet", "-hide-progress", "-p", "build/default", "csrc/"]],
    "tests": [[*PYTEST, "-m", "not slow"]],
    "asan": preset("asan"),
    "tsan": preset("tsan"),
    "slow": [[*PYTEST, "-m", "slow and not quiet"]],
}
SLOW_STAGES = ("tidy", "asan", "tsan", "slow")


def main(arguments: list[str]) -> int:
    """Run the named stages in their order; stop at the first that fails."""
    unknown = [name for name in arguments if name not in (*STAGES, "all")]
    if unknown:
        print(f"check: unknown stage {unknown[0]!r}; choose from {', '.join(STAGES)}, all")
        return 2
    if "all" in arguments:
        chosen = list(STAGES)
    else:
        chosen = arguments or [name for name in STAGES if name not in SLOW_STAGES]
    # The tools stand beside this interpreter, also when its environment is not activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for stage in (name for name in STAGES if name in chosen):
        started = time.monotonic()
        for command in STAGES[stage]:
            print(f"== {stage}: {' '.join(command[:6])}", flush=True)
            environment = {**os.environ, "PATH": path}
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            if code != 0:
                print(f"== {stage}: FAILED (exit code {code})", flush=True)
                return 1
        print(f"== {stage}: passed in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
