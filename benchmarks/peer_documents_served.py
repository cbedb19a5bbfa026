# SPDX-License-Identifier: Apache-2.0
"""Measures pages a minute of llama-server. Started by documents.py.

It reads the crops of each page's true regions, so many tokens of each; ONNX Runtime finds regions
in front of it, with weights that were never trained.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from peak_memory import peak_bytes
from peer_llama_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

AHEAD = 2
"""Pages whose regions are found before their turn."""


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Pages by a server with so many slots; the regions of the next ones are found meanwhile."""
    look = _onnx(job)
    server = Server(job)  # type: ignore[arg-type]
    found: Queue[dict[str, Any] | None] = Queue(maxsize=AHEAD)
    spent, ended = [0.0], list[float]()

    def find() -> None:
        for page in job["pages"]:
            begin = time.perf_counter()
            look(page["page"])
            spent[0] += time.perf_counter() - begin
            found.put(page)
        found.put(None)

    try:
        begin = time.perf_counter()
        Thread(target=find, daemon=True).start()
        with ThreadPoolExecutor(job["parallel"]) as pool:
            waiting: list[Future[Any]] = []
            while (page := found.get()) is not None:
                waiting += [
                    pool.submit(server.read, crop, job["tokens"], prompt)
                    for crop, prompt in page["crops"]
                ]
                for one in waiting[-len(page["crops"]) :]:
                    one.add_done_callback(lambda _: ended.append(time.monotonic()))
            answers = [one.result() for one in waiting]
        seconds = time.perf_counter() - begin
        peak = peak_bytes(server.process.pid) + peak_bytes()
    finally:
        server.stop()
    return {
        "seconds": seconds,
        "layout": spent[0],
        "first": min(ended) - job["spawned"],
        "tokens": [one["tokens"] for one in answers],
        "prompt_tokens": sum(one["prompt_tokens"] for one in answers),
        "peak": peak,
    }


def _onnx(job: dict[str, Any]) -> Callable[[str], object]:
    """Finds the regions of a page, given its path; without a model nothing does, as in a trial."""
    if not job["onnx"]:
        return lambda _: None
    import onnxruntime  # noqa: PLC0415 - not where there is no model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(job["onnx"], options, providers=["CPUExecutionProvider"])

    def look(page: str) -> object:
        with Image.open(page) as image:
            small = image.convert("RGB").resize((800, 800), Image.Resampling.BICUBIC)
        values = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 255
        return session.run(None, {"pixels": np.ascontiguousarray(values)})

    return look


def main() -> None:
    """Measure, and print one line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(f"\n{json.dumps(measure(job))}")


if __name__ == "__main__":
    main()
