# SPDX-License-Identifier: Apache-2.0
"""Which lines and branches of our code the tests reach: Python by coverage.py, C++ by gcov.

python scripts/measure_coverage.py               # the C++ tests, then the default suite
python scripts/measure_coverage.py tests/export  # … then these; everything is pytest's

The C++ counts are of both: the suite runs with an extension that counts too. The kernels
(csrc/kernels) are left out: counting would take their speed, and every one of them is compared with
plain arithmetic. What a killed process had reached is lost.

Prints a table of each language's files and one of the packages, and leaves pages in
build/coverage/pages/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
PACKAGE = BUILD / "package"
PAGES = BUILD / "pages"
WHERE = "import ppocrvl.support.native as n; print(n._native.__file__)"  # the extension that runs


class Counts(NamedTuple):
    """What there is of a file or a package, and what of it ran."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def plus(self, more: Counts) -> Counts:
        """The counts of both."""
        return Counts(*(mine + other for mine, other in zip(self, more, strict=True)))


def python_files(report: Path) -> dict[str, Counts]:
    """From `coverage json`, by path."""
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return {path: Counts(*(one["summary"][key] for key in keys)) for path, one in files.items()}


def core_files(report: Path) -> dict[str, Counts]:
    """From `gcovr --json-summary`, by path."""
    keys = ("line_total", "line_covered", "branch_total", "branch_covered")
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {one["filename"]: Counts(*(one[key] for key in keys)) for one in files}


def packages(files: dict[str, Counts]) -> str:
    """A table with a row for each package, and one for all."""
    counts: defaultdict[str, Counts] = defaultdict(Counts)
    for path, one in files.items():
        folders = Path(path).parts[:-1]
        package = "/".join(folders[: 3 if folders[0] == "python" else 2])
        counts[package] = counts[package].plus(one)
        counts["all"] = counts["all"].plus(one)

    def share(run: int, total: int) -> str:
        return f"{run:6d} of {total:6d} {100 * run / total:6.1f} %" if total else f"{'-':>25}"

    rows = [f"{'package':28}{'lines':>25}{'branches':>29}"]
    rows += [
        f"{package:28}{share(one.lines_run, one.lines)}    {share(one.branches_run, one.branches)}"
        for package, one in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0]))
    ]
    return "\n".join(rows)


def counting_package() -> dict[str, str]:
    """Our Python files beside the extension that counts; gives the environment that finds them."""
    shutil.rmtree(PACKAGE, ignore_errors=True)
    shutil.copytree(ROOT / "python", PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    install = ["cmake", "--install", str(BUILD), "--component", "python"]
    subprocess.run([*install, "--prefix", str(PACKAGE)], check=True, stdout=subprocess.DEVNULL)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    found = subprocess.check_output([sys.executable, "-c", WHERE], env=environment, text=True)
    if not Path(found.strip()).is_relative_to(PACKAGE):
        sys.exit(f"coverage: an editable install is found first ({found.strip()}): pip install .")
    return environment


def run(*command: str, environment: dict[str, str] | None = None, must: bool = True) -> int:
    print(f"-- {' '.join(command[:6])}", flush=True)
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if must and code != 0:
        sys.exit(code)
    return code


def main(arguments: list[str]) -> int:
    run("cmake", "--preset", "coverage", f"-DPython_EXECUTABLE={sys.executable}")
    run("cmake", "--build", "--preset", "coverage")
    for counts in [*BUILD.rglob("*.gcda"), *BUILD.glob("python*")]:  # of an earlier run
        counts.unlink()
    environment = counting_package()
    run("ctest", "--preset", "coverage")
    coverage = [sys.executable, "-m", "coverage"]
    suite = ["-m", "pytest", "-m", "not slow and not build", "--timeout", "900", *arguments]
    code = run(*coverage, "run", *suite, environment=environment, must=False)
    PAGES.mkdir(exist_ok=True)
    run(*coverage, "combine", "--quiet")
    run(*coverage, "report")
    run(*coverage, "html", "--quiet", "-d", str(PAGES / "python"))
    run(*coverage, "json", "--quiet", "-o", str(PAGES / "python.json"))
    gcovr = [sys.executable, "-m", "gcovr", "--root", ".", "--filter", "csrc/", str(BUILD)]
    gcovr += ["--exclude", "csrc/tests/", "--exclude", "csrc/kernels/", "--exclude-throw-branches"]
    gcovr += ["--json-summary", str(PAGES / "core.json")]
    run(*gcovr, "--txt", "-", "--html-details", str(PAGES / "core.html"))
    print(packages(python_files(PAGES / "python.json")))
    print(packages(core_files(PAGES / "core.json")))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
