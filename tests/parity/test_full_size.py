# SPDX-License-Identifier: Apache-2.0
"""Parity at the official size, with random weights: `pytest -m full -s`.

Unmodified mtmd stands beside ours where its program is built.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode, OptionError
from ppocrvl.parity.made_images import made_image
from ppocrvl.parity.stock import find_program
from synthetic_checkpoint import FULL, write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.full, pytest.mark.reference, pytest.mark.timeout(7200)]

CHECKPOINT = "PaddleOCR-VL"
TYPES = ("f32", "bf16")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 0.96 billion random parameters in bf16, and their files in both types."""
    folder = tmp_path_factory.mktemp("full")
    write_synthetic_checkpoint(folder / CHECKPOINT, FULL)
    for kind in TYPES:
        ppocrvl.export(folder / CHECKPOINT, folder / kind, llm_type=kind, mmproj_type=kind)
    return folder


def parity(*arguments: object) -> int:
    """The exit code of the command."""
    words = ["parity", *map(str, arguments)]
    show("$ ppocrvl " + " ".join(words))
    return run_command(words)


def show(line: str) -> None:
    """For `-s`."""
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()


def test_all_shapes(work: Path) -> None:
    """Both types against one run of the reference, in f32 and bf16."""
    kept = work / "reference"
    options = ["--max-tokens", 4, "--reference-bf16", "--save-reference", kept]
    stock = ["--against", "stock"] if _stock_is_built() else []
    codes = [parity(work / CHECKPOINT, work / "f32", *options, *stock), parity(kept, work / "bf16")]
    assert codes == [ExitCode.OK, ExitCode.OK]


def test_precisions(work: Path) -> None:
    """The errors of all number formats, of one picture."""
    made_image(378, 378).save(work / "378x378.png")
    image = ["--image", work / "378x378.png", "--max-tokens", 1, "--reference-bf16"]
    for kind in TYPES:
        assert parity(work / CHECKPOINT, work / kind, *image, "--all-precisions") == ExitCode.OK


MEASURE = """
import pathlib, re, sys
import numpy as np
import ppocrvl

def kilobytes(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(name + r":\\s+(\\d+) kB", status)[1])

engine = ppocrvl.Engine(sys.argv[1])
before = kilobytes("VmRSS")
tokens = engine.embed(np.zeros((1792, 896, 3), np.uint8), max_pixels=1605632)
print(len(tokens), 1024 * (kilobytes("VmHWM") - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", TYPES)
def test_memory_of_the_largest_picture(work: Path, kind: str) -> None:
    """What encoding 1,605,632 pixels adds to the process: at most 1 GiB.

    The peak may lie in the loading of the model, so that more is measured than encoding takes.
    """
    command = [sys.executable, "-c", MEASURE, str(work / kind)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tokens, added = map(int, done.stdout.split())
    show(f"{kind}: {tokens} image tokens, {added / 2**20:.0f} MiB")
    assert tokens == 1605632 // 28**2
    assert added <= 2**30


def _stock_is_built() -> bool:
    try:
        find_program(None)
    except OptionError:
        return False
    return True
