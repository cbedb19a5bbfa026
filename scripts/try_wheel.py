# SPDX-License-Identifier: Apache-2.0
"""Install a wheel into a bare Debian and read with it, also as older CPUs would.

    apt-get install debootstrap qemu-user-static
    python scripts/try_wheel.py dist/ppocrvl-*-cp311-*.whl --root /tmp/bare

The root is made by debootstrap where it is missing: Debian 12 with python3 and nothing else, so no
compiler, no pip, no OpenMP. Needs root's rights (chroot). Each line says what was tried and whether
it did what it should; the exit code is 1 if something did not.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ppocrvl.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
PLACE = Path("opt/ppocrvl")
"""Of the installed packages, in the root."""
QEMU = Path("/usr/bin/qemu-x86_64-static")
TOO_OLD = "core2duo"
"""A CPU without SSE 4.2."""
CPUS = {"Westmere": "sse42", "Haswell": "avx2", "Skylake-Server": "avx2"}
"""CPUs that qemu imitates, and the variant that is to be loaded; qemu has no AVX-512."""
DEBIAN = "bookworm"
PYTHON = "3.11"  # of that Debian


class Trial(NamedTuple):
    """A command in the bare root, and what it must do."""

    name: str
    command: list[str]
    code: int
    said: str  # on stdout or stderr


def run(*command: str) -> None:
    print("--", *command, flush=True)
    subprocess.run(command, check=True)


def the_wheel(path: Path) -> Path:
    """The wheel, or of a folder the newest for the Python of that Debian."""
    if not path.is_dir():
        return path
    found = path.glob(f"*-cp{PYTHON.replace('.', '')}-*.whl")
    wheel = max(found, key=lambda one: one.stat().st_mtime, default=None)
    if wheel is None:
        raise FileNotFoundError(f"{path} has no wheel for Python {PYTHON}")
    return wheel


def make_root(root: Path, mirror: str | None) -> None:
    """A bare Debian, unless it is there."""
    if not (root / "usr" / "bin" / "python3").exists():
        at = [mirror] if mirror else []
        run("debootstrap", "--variant=minbase", "--include=python3", DEBIAN, str(root), *at)


def install(wheel: Path, root: Path) -> None:
    """The wheel, what it needs, and the samples; by the pip of this machine."""
    target = root / PLACE
    shutil.rmtree(target, ignore_errors=True)
    kinds = [f"manylinux_2_{minor}_x86_64" for minor in range(17, 37)] + ["manylinux2014_x86_64"]
    platforms = [word for kind in kinds for word in ("--platform", kind)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *platforms]
    run(*pip, "--python-version", PYTHON, "--target", str(target), str(wheel))
    shutil.copytree(ROOT / "samples", root / "samples", dirs_exist_ok=True)
    shutil.copy(QEMU, root / "qemu")


def trials() -> list[Trial]:
    """What is tried."""
    python = ["/usr/bin/python3", "-m", "ppocrvl"]
    hello = (ROOT / "samples" / "hello.txt").read_text(encoding="utf-8").splitlines()[0]
    read = [*python, "ocr", "/samples/hello.png"]
    found = [
        Trial("doctor", [*python, "doctor"], 0, "self-test"),
        Trial("ocr", read, 0, hello),
        Trial("parse", [*python, "parse", "/samples/paper.pdf"], 0, "# Reading Pages"),
    ]
    which = "import ppocrvl.support.native as n; print(n._native.__file__)"
    for cpu, variant in CPUS.items():
        seen_as = ["/qemu", "-cpu", cpu]
        find = [*seen_as, python[0], "-c", which]
        found += [
            Trial(f"{cpu}: variant", find, 0, f"/{variant}/"),
            Trial(f"{cpu}: ocr", [*seen_as, *read], 0, hello),
        ]
    old = ["/qemu", "-cpu", TOO_OLD]
    refused = f"{TOO_OLD}: refused"
    found += [
        Trial(f"{refused} by the package", [*old, python[0], "-c", which], 1, "too old"),
        Trial(f"{refused} by the program", [*old, *read], ExitCode.ENGINE, "too old"),
    ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path, help="or the folder that has it")
    parser.add_argument("--root", type=Path, required=True, help="folder of the bare Debian")
    parser.add_argument("--mirror", help="of Debian's packages; debootstrap's own otherwise")
    options = parser.parse_args()
    try:
        wheel = the_wheel(options.wheel)
    except FileNotFoundError as error:
        parser.error(str(error))
    make_root(options.root, options.mirror)
    install(wheel, options.root)
    failed = 0
    for trial in trials():
        clean = ["env", "-i", f"PYTHONPATH=/{PLACE}", "HOME=/root", "LANG=C.UTF-8"]
        inside = ["chroot", str(options.root), *clean, *trial.command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        is_right = done.returncode == trial.code and trial.said in done.stdout + done.stderr
        failed += not is_right
        print(f"{'ok' if is_right else 'FAILED':7}{trial.name}", flush=True)
        if not is_right:
            print(f"exit code {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
