# SPDX-License-Identifier: Apache-2.0
"""Run every check of the project; this is what CI runs.

python scripts/check.py                       # all stages but the slow ones
python scripts/check.py lint types            # only these
python scripts/check.py all                   # with clang-tidy, the sanitizers, slow tests
python scripts/check.py tests -- tests/cli -x # what follows -- goes to the stage's last command
python scripts/check.py long                  # hostile input by the hundred; not in CI
python scripts/check.py shake                 # half an hour and more: scripts/shake.py
python scripts/check.py coverage              # scripts/measure_coverage.py
python scripts/check.py docs                  # the documentation as a site, in build/site
python scripts/check.py wheel                 # sdist and wheel, installed and tried; needs root
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
    """The commands that configure, build and test one CMake preset.

    Of the targets only the C++ tests: `pip install` has compiled the extension.
    """
    return [
        ["cmake", "--preset", name, f"-DPython_EXECUTABLE={sys.executable}"],
        ["cmake", "--build", "--preset", name, "--target", "all_tests"],
        ["ctest", "--preset", name],
    ]


PYTEST = [sys.executable, "-m", "pytest"]
# Files of tests go to as many processes as there are processors; four need some 10 GB of memory.
SHARED = [*PYTEST, "-n", "logical", "--maxprocesses", "4", "--dist", "loadfile"]
STAGES: dict[str, list[Command]] = {
    "lint": [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["clang-format", "--dry-run", "--Werror", *CPP_SOURCES],
        ["zizmor", "--offline", "--quiet", "--min-severity", "medium", ".github/workflows"],
    ],
    "types": [["mypy"]],
    "core": preset("default"),
    "tidy": [
        # The extension too, each of its files by itself and with warnings as errors.
        preset("default")[0],
        ["cmake", "--build", "--preset", "default"],
        ["run-clang-tidy.py", "-quiet", "-hide-progress", "-p", "build/default", "csrc/"],
    ],
    "tests": [[*SHARED, "-m", "not slow"]],
    "asan": preset("asan"),
    "tsan": preset("tsan"),
    "slow": [[*SHARED, "-m", "slow and not quiet and not long"]],
    "long": [[*PYTEST, "-m", "long"]],
    "shake": [[sys.executable, "scripts/shake.py"]],
    "coverage": [[sys.executable, "scripts/measure_coverage.py"]],
    "docs": [["mkdocs", "build", "--strict"]],
    "wheel": [
        [sys.executable, "scripts/try_sdist.py"],
        [sys.executable, "scripts/build_wheel.py", "--out", "build/dist"],
        [sys.executable, "scripts/try_wheel.py", "build/dist", "--root", "build/bare"],
    ],
}
SLOW_STAGES = ("tidy", "asan", "tsan", "slow")
ON_REQUEST = ("long", "shake", "coverage", "docs", "wheel")  # more of the same, or in another light


def choose(names: list[str]) -> list[str]:
    """The stages that the command line means, in their order."""
    usual = [name for name in STAGES if name not in ON_REQUEST]
    if "all" in names:
        names = [*names, *usual]
    elif not names:
        names = [name for name in usual if name not in SLOW_STAGES]
    return [name for name in STAGES if name in names]


def run(command: Command) -> int:
    """Run a command in the project's folder; give its exit code."""
    # The tools stand beside this interpreter, also when its environment is not activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PATH": path}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command has had it too, and clears up: never kill it
            process.wait()
            raise


def main(arguments: list[str]) -> int:
    """Run the named stages in their order; stop at the first that fails."""
    names, more = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        names, more = arguments[:at], arguments[at + 1 :]
    unknown = [name for name in names if name not in (*STAGES, "all")]
    if unknown:
        print(f"check: unknown stage {unknown[0]!r}; choose from {', '.join(STAGES)}, all")
        return 2
    chosen = choose(names)
    if more and len(chosen) != 1:
        print("check: what follows -- is for one stage: name it alone")
        return 2
    for stage in chosen:
        started = time.monotonic()
        *first, last = STAGES[stage]
        for command in (*first, [*last, *more]):
            print(f"== {stage}: {' '.join(command[:6])}", flush=True)
            code = run(command)
            if code != 0:
                print(f"== {stage}: FAILED (exit code {code})", flush=True)
                return 1
        print(f"== {stage}: passed in {time.monotonic() - started:.0f} s", flush=True)
    left = [name for name in STAGES if name not in chosen]
    if not names and left:
        print(f"== not run: {', '.join(left)} (python scripts/check.py STAGE…)", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
