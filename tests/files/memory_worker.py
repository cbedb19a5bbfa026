# SPDX-License-Identifier: Apache-2.0
"""Loads pairs of model files and reads a picture with each, and says what that took.

Run by test_memory.py in a process of its own, whose peak is looked at. For each line of stdin, a
path of an LLM, a tab and a path of an mmproj, a line of JSON on stdout: `outcome`, "read" or the
error's class, and `message`; and `peak`, bytes of address space of the process so far beyond what
it had at first.

Argument: the kernels of the vision encoder.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import PpocrvlError

END_OF_ANSWER = 2


def main() -> None:
    """Goes through the pairs."""
    before = _address_space("VmSize")
    for line in sys.stdin:
        outcome, message = "read", ""
        try:
            _read(*line.rstrip("\n").split("\t"))
        except PpocrvlError as error:
            outcome, message = type(error).__name__, str(error)
        answer = {"outcome": outcome, "message": message, "peak": _address_space("VmPeak") - before}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _read(llm: str, mmproj: str) -> None:
    """A small picture, with KV cells for an answer of the usual length that ends at once."""
    image = np.full((56, 56, 3), 255, np.uint8)
    with Engine(llm, mmproj=mmproj, n_threads=1, device="cpu", kernels=sys.argv[1]) as engine:
        engine.ocr(image, logit_bias={END_OF_ANSWER: 1e9})


def _address_space(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


main()
