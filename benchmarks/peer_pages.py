# SPDX-License-Identifier: Apache-2.0
"""Reads pages with one program and gives their texts. Started by documents.py.

The job, a JSON file: `program`, `pages` (paths), `threads`, for ours `layout` and `model`.
Tesseract and RapidOCR need nothing but the standard library and themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_memory import peak_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

OURS, TESSERACT, RAPIDOCR = "ppocrvl, built-in", "Tesseract 5", "RapidOCR 3.10"


def ours(job: dict[str, Any]) -> Callable[[str], str]:
    """The whole pipeline; headers and footers are written too."""
    import ppocrvl  # noqa: PLC0415

    engine = ppocrvl.Engine(job["model"] or None, n_threads=job["threads"], n_parallel=4)
    layout = ppocrvl.Layout(job["layout"] or None, n_threads=job["threads"])

    def read(path: str) -> str:
        document = ppocrvl.parse(path, engine=engine, layout=layout)
        return document.to_markdown(leave_out=())

    return read


def tesseract(job: dict[str, Any]) -> Callable[[str], str]:
    """The program with its defaults, which find the layout too."""
    program = shutil.which("tesseract")
    assert program is not None
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(job["threads"])}

    def read(path: str) -> str:
        return subprocess.run(
            [program, path, "-", "-l", "eng"],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout

    return read


def rapidocr(job: dict[str, Any]) -> Callable[[str], str]:
    """With its defaults and the models in its package; lines in the order that it gives."""
    from rapidocr import RapidOCR  # noqa: PLC0415

    engine = RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": job["threads"],
            "Global.log_level": "error",
        }
    )
    return lambda path: "\n".join(engine(path).txts or ())


PROGRAMS = {OURS: ours, TESSERACT: tesseract, RAPIDOCR: rapidocr}


def main() -> None:
    """Read, and print one line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    read = PROGRAMS[job["program"]](job)
    texts, seconds = [], []
    for path in job["pages"]:
        begin = time.perf_counter()
        texts.append(read(path))
        seconds.append(time.perf_counter() - begin)
    print(f"\n{json.dumps({'texts': texts, 'seconds': seconds, 'peak': peak_bytes()})}")


if __name__ == "__main__":
    main()
