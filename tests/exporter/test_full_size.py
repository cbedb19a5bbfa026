# SPDX-License-Identifier: Apache-2.0
"""The official size: 0.96 billion parameters through exporter and engine in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ppocrvl
from synthetic_checkpoint import FULL, write_synthetic_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc"),
]

# VmHWM, because ru_maxrss keeps the peak of the process that started this one, from before exec.
EXPORT = """
import re, sys, ppocrvl
from pathlib import Path
result = ppocrvl.export(sys.argv[1], sys.argv[2], llm_type="q8_0", mmproj_type="bf16")
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024)
print(result.llm.stat().st_size, result.mmproj.stat().st_size)
"""

OCR = """
import re, sys, ppocrvl
from pathlib import Path
from PIL import Image
result = ppocrvl.ocr(Image.effect_noise((1140, 140), 60), model=sys.argv[1], max_tokens=32)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024)
print(result.timings.generated_tokens)
"""


def test_peak_memory_and_sizes(tmp_path: Path) -> None:
    checkpoint = tmp_path / "PaddleOCR-VL"
    write_synthetic_checkpoint(checkpoint, FULL)
    # The size of the official 1.5 and 1.6 files, header included.
    assert (checkpoint / "model.safetensors").stat().st_size == 1_917_255_968
    command = [sys.executable, "-c", EXPORT, str(checkpoint), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_mib, llm_size, mmproj_size = map(int, done.stdout.split())
    assert peak_mib < 400
    assert 0 < llm_size - 466_654_208 * 34 // 32 < 5_000_000
    # What upstream's converter wrote for such a checkpoint, and our own keys.
    assert 0 <= mmproj_size - 881_769_760 < 2000

    ppocrvl.export(checkpoint, tmp_path / "bf16")
    command = [sys.executable, "-c", OCR, str(tmp_path / "bf16")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_mib, generated = map(int, done.stdout.split())
    assert generated == 32
    assert peak_mib < 2.2 * 1024
