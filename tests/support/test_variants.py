# SPDX-License-Identifier: Apache-2.0
"""Which extension of a wheel is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ppocrvl.errors import EngineError, ExitCode
from ppocrvl.support import native
from ppocrvl.support.variants import VARIABLE, VARIANTS, chosen

EVERY = {name for needed in VARIANTS.values() for name in needed}


def test_the_best_that_the_cpu_can_run() -> None:
    assert chosen(EVERY) == "avx512_bf16"
    for name, needed in VARIANTS.items():
        assert chosen(needed) == name
        assert chosen([*needed, "new"]) == name
    assert chosen(EVERY - {"avx512_vnni"}) == "avx512"
    assert chosen(EVERY - {"fma"}) == "sse42"


def test_a_cpu_that_is_too_old() -> None:
    with pytest.raises(EngineError, match=r"too old for the wheel.* pip install --no-binary"):
        chosen(["avx"])


def test_the_user_may_choose() -> None:
    assert chosen(EVERY, "avx2") == "avx2"
    assert chosen(EVERY, "") == "avx512_bf16"
    with pytest.raises(EngineError, match="PPOCRVL_VARIANT=avx512 is no variant for this CPU"):
        chosen(VARIANTS["avx2"], "avx512")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The package as a wheel has it: no `_native` of its own, but two variants and a `_cpu`.

    `_cpu` is in Python here; the real one is tried by scripts/try_wheel.py.
    """
    package = Path(native.__file__).parent.parent
    ignored = shutil.ignore_patterns("_native.*so", "__pycache__", "builtin")
    shutil.copytree(package, tmp_path / "ppocrvl", ignore=ignored)
    (tmp_path / "ppocrvl" / "_cpu.py").write_text(
        f"def features():\n    return {set(VARIANTS['avx2'])!r}\n"
    )
    extension = Path(native._native.__file__)
    for name in ("avx2", "sse42"):
        place = tmp_path / "ppocrvl" / "_variants" / name
        place.mkdir(parents=True)
        (place / extension.name).symlink_to(extension)
    return tmp_path


def loaded(wheel: Path, variant: str = "") -> str:
    """What a process with this package says."""
    code = (
        "import sys, ppocrvl.support.native as n; from ppocrvl import _native\n"
        "assert _native is n._native is sys.modules['ppocrvl._native']\n"
        "print(_native.__file__, _native.build_info().version)"
    )
    environment = {**os.environ, "PYTHONPATH": str(wheel), VARIABLE: variant}
    command = [sys.executable, "-S", "-c", code]
    # No site packages of ours: an editable installation would be found first.
    done = subprocess.run(
        command, env=environment, cwd=wheel, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_a_variant_is_the_module(wheel: Path) -> None:
    assert f"{wheel}/ppocrvl/_variants/avx2/_native." in loaded(wheel)
    assert f"{wheel}/ppocrvl/_variants/sse42/_native." in loaded(wheel, "sse42")
    assert "PPOCRVL_VARIANT=avx512 is no variant for this CPU" in loaded(wheel, "avx512")


def test_the_program_refuses_a_cpu_before_numpy_is_imported(wheel: Path) -> None:
    (wheel / "ppocrvl" / "_cpu.py").write_text("def features():\n    return set()\n")
    (wheel / "numpy.py").write_text("raise SystemExit('numpy was imported')\n")
    command = [sys.executable, "-S", "-m", "ppocrvl", "ocr", "any.png"]
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        command, env=environment, cwd=wheel, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.ENGINE
    assert "too old for the wheel" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_variant_that_is_missing(wheel: Path) -> None:
    shutil.rmtree(wheel / "ppocrvl" / "_variants" / "avx2")
    assert "the compiled module of ppocrvl is missing (no extension in" in loaded(wheel)
