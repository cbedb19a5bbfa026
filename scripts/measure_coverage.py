# SPDX-License-Identifier: Apache-2.0
"""Which lines and branches of our code the tests reach: Python by coverage.py, C++ by gcov.

python scripts/measure_coverage.py               # the C++ tests, then the default suite
python scripts/measure_coverage.py tests/export  # … then these; everything is pytest's

The C++ counts are of both: the suite runs with an extension that counts too. The kernels
(csrc/kernels) are left out: counting would take their speed, and every one of them is compared with
plain arithmetic. What a killed process had reached is lost.

Prints two tables and leaves pages in build/coverage/pages/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
PACKAGE = BUILD / "package"
PAGES = BUILD / "pages"
WHERE = "import ppocrvl.support.native as n; print(n._native.__file__)"  # the extension that runs


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
    gcovr = [sys.executable, "-m", "gcovr", "--root", ".", "--filter", "csrc/", str(BUILD)]
    gcovr += ["--exclude", "csrc/tests/", "--exclude", "csrc/kernels/", "--exclude-throw-branches"]
    run(*gcovr, "--txt", "-", "--html-details", str(PAGES / "core.html"))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
