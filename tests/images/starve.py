# SPDX-License-Identifier: Apache-2.0
"""Reads a picture under a limit on memory, from none to plenty, and prints what comes of it.

    python starve.py FORMAT

A program of its own: such a limit is for a whole process, and this one must be small.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ppocrvl.errors import PpocrvlError
from ppocrvl.images.load import load_image

SIDE = 1200
STEPS = range(0, 40, 2)
"""Bytes a pixel beyond what the process has already."""


def reserved() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * 4096


def outcome(data: bytes, more_bytes: int) -> str:
    """ "ok", or the name of the error."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (reserved() + more_bytes, hard))
    try:
        load_image(data)
    except (PpocrvlError, MemoryError) as error:
        return type(error).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return "ok"


def main() -> None:
    """Print outcomes by step, as JSON."""
    kind = sys.argv[1]
    ramp = np.indices((SIDE, SIDE)).sum(axis=0, dtype=np.uint8)
    picture = Image.fromarray(np.stack([ramp, ramp.T, ~ramp, ramp], axis=2))
    if kind in {"JPEG", "PPM", "GIF", "BMP", "DIB"}:
        picture = picture.convert("RGB")
    options: dict[str, Any] = {"progressive": kind == "JPEG"}
    if kind == "AVIF":
        options = {"speed": 10}
    out = io.BytesIO()
    picture.save(out, kind, **options)
    data = out.getvalue()
    load_image(data)  # loads what the format needs
    sys.stdout.write(json.dumps([outcome(data, step * SIDE * SIDE) for step in STEPS]))
    load_image(data)  # memory is back


if __name__ == "__main__":
    main()
