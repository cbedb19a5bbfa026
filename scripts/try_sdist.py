# SPDX-License-Identifier: Apache-2.0
"""Make the source archive, install it from itself alone, and read with that installation.

    pip install build
    python scripts/try_sdist.py

The archive is made and unpacked in a temporary folder. It is compiled in an environment of its own,
and nothing but a sample comes from this folder. The exit code is 1 if something did not work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "samples" / "hello.png"
TEXT = ROOT / "samples" / "hello.txt"


def run(*command: str, cwd: Path) -> str:
    """What the command prints. Its process knows no source folder of ours."""
    print("--", *command, flush=True)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=clean, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ppocrvl-sdist-") as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--sdist", "--outdir", name, str(ROOT), cwd=folder)
        (archive,) = folder.glob("*.tar.gz")
        print(f"{archive.name}: {archive.stat().st_size / 1e6:.1f} MB", flush=True)
        with tarfile.open(archive) as members:
            compiled = [one for one in members.getnames() if one.endswith((".so", ".pyd"))]
        if compiled:
            sys.exit(f"try_sdist: the archive has compiled files: {', '.join(compiled)}")
        venv.create(folder / "venv", with_pip=True)
        python = str(folder / "venv" / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", str(archive), cwd=folder)
        run(python, "-m", "ppocrvl", "doctor", cwd=folder)
        read = run(python, "-m", "ppocrvl", "ocr", str(IMAGE), cwd=folder)
        expected = TEXT.read_text(encoding="utf-8").splitlines()[0]
        is_right = expected in read
        print("read as expected" if is_right else f"read {read!r}, not {expected!r}", flush=True)
    return int(not is_right)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"try_sdist: {error}")
