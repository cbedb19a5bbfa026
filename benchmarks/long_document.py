# SPDX-License-Identifier: Apache-2.0
"""Measures `ppocrvl parse` on pages of a long PDF: memory, and who works. Started by documents.py.

With weights that were never trained no regions are found; then strips of the page take their place.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_memory import peak_bytes
from ppocrvl.cli.main import run_command
from ppocrvl.engine.engine import Engine
from ppocrvl.layout.layout import Layout
from ppocrvl.layout.region import Region
from ppocrvl.parsing import jobs
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Detect = Callable[[Layout, NDArray[np.uint8]], list[Region]]

STRIPS = 15


def in_strips(detect: Detect) -> Detect:
    """The model looks, and its answer is replaced by strips, which are not merged."""

    def look(layout: Layout, image: NDArray[np.uint8]) -> list[Region]:
        detect(layout, image)
        height, width = image.shape[:2]
        edges = [height * i // STRIPS for i in range(STRIPS + 1)]
        return [
            Region.of_box("paragraph_title", 1.0, (0, top, width, bottom), order)
            for order, (top, bottom) in enumerate(pairwise(edges))
        ]

    return look


def main() -> None:
    """Measure, and print one line."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    watch = Watch()
    watch.watch_pdfium()
    wrappers: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (Engine, "submit", watch.reading),
        *([(Layout, "detect", in_strips)] if job["strips"] else []),
        (Layout, "detect", watch.looking),
        (jobs, "page_jobs", watch.listing),
    ]
    for owner, name, wrapped in wrappers:
        setattr(owner, name, wrapped(getattr(owner, name)))
    code = run_command(["parse", *job["arguments"]])
    if code != 0:
        sys.exit(f"ppocrvl parse ended with {code}")
    assert watch.busy.first_end is not None
    found = {
        **watch.figures(),
        "first": watch.busy.first_end - job["spawned"],
        "peak": peak_bytes(),
        "pdfium": watch.pdfium_peak,
    }
    print(f"\n{json.dumps(found)}", flush=True)
    os._exit(0)  # the engine was never closed


main()
