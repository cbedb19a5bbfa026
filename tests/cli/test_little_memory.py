# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl ocr` under every limit of memory: the text, or one line and the engine's exit code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ppocrvl
from ppocrvl.errors import ExitCode
from ppocrvl.models.folder import BUILT_IN_FOLDER
from synthetic_checkpoint import FULL, write_synthetic_checkpoint

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's"),
    pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit of util-linux"),
]

MIB = 1 << 20
STEP, MOST = 20, 3072  # MiB
PICTURE = Path(__file__).resolve().parents[2] / "samples" / "hello.png"


@pytest.fixture(scope="module", params=["built-in", "official size"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files; those of the official size have random weights, in `balanced`."""
    if request.param == "built-in":
        return BUILT_IN_FOLDER
    work = tmp_path_factory.mktemp("official-size")
    write_synthetic_checkpoint(work / "checkpoint", FULL)
    ppocrvl.export(work / "checkpoint", work / "bf16")
    shutil.rmtree(work / "checkpoint")
    ppocrvl.quantize(work / "bf16", work / "balanced", preset="balanced")
    shutil.rmtree(work / "bf16")
    return work / "balanced"


def limited(mib: int, *command: str) -> subprocess.CompletedProcess[str]:
    """How a Python program ends that may have so much address space."""
    return subprocess.run(
        ["prlimit", f"--as={mib * MIB}", sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def least_that_starts() -> int:
    """MiB from which on Python and small modules start at all."""
    steps = range(STEP, MOST + STEP, STEP)
    return next(mib for mib in steps if limited(mib, "-c", "import PIL, json").returncode == 0)


def test_numpy_never_ends_the_process() -> None:
    # With the model's weights and buffers 240 MiB do not suffice; numpy takes 85 of them.
    for mib in range(least_that_starts(), 240, STEP):
        done = limited(mib, "-m", "ppocrvl", "ocr", str(PICTURE))
        case = (mib, done.returncode, done.stdout, done.stderr)
        assert done.returncode == ExitCode.ENGINE, case
        assert done.stderr.count("\n") == 1, case
        assert "error:" in done.stderr, case


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_limit(model: Path) -> None:
    least = least_that_starts()
    read = ["-m", "ppocrvl", "ocr", str(PICTURE), "--model", str(model), "--max-tokens", "8"]
    codes: list[int] = []
    for mib in range(least, MOST + STEP, STEP):
        done = limited(mib, *read)
        case = (mib, done.returncode, done.stdout, done.stderr)
        assert done.returncode in (ExitCode.OK, ExitCode.ENGINE), case
        errors = [line for line in done.stderr.splitlines() if "error:" in line]
        assert len(errors) == (done.returncode != ExitCode.OK), case
        assert "Traceback" not in done.stderr, case
        assert bool(done.stdout) == (done.returncode == ExitCode.OK), case
        codes.append(done.returncode)
    assert codes[0] == ExitCode.ENGINE
    assert codes[-1] == ExitCode.OK
