# SPDX-License-Identifier: Apache-2.0
"""Measures pages a minute of one program. Started by documents.py.

Both find the regions of each page, with weights that were never trained, and read the blocks of the
true ones: the same crops, so many tokens of each.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from peak_memory import peak_bytes
from worker import END_OF_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from ppocrvl.layout.region import Region
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result

AHEAD = 2
"""Pages whose regions are found before their turn, in front of llama-server."""


class TrueRegions:
    """A layout model that works, and whose answer is replaced by the truth.

    Args:
        model: path of its file.
        threads: of it.
        pages: of the job.
    """

    def __init__(self, model: str, threads: int, pages: list[dict[str, Any]]) -> None:
        import ppocrvl  # noqa: PLC0415

        self._layout = ppocrvl.Layout(model or None, n_threads=threads)
        self._told = {_pixels(one["page"]).tobytes(): one["regions"] for one in pages}
        self.seconds = 0.0

    def detect(self, image: NDArray[np.uint8]) -> list[Region]:
        """The true regions, after the model has looked."""
        from ppocrvl.layout.region import Region  # noqa: PLC0415

        begin = time.perf_counter()
        self._layout.detect(image)
        self.seconds += time.perf_counter() - begin
        regions = []
        for order, (label, (x0, y0, x1, y1)) in enumerate(self._told[image.tobytes()]):
            corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            regions.append(Region(label, 1.0, (x0, y0, x1, y1), corners, order))
        return regions


class CountingReader:
    """An engine, and what became of its requests."""

    def __init__(self, engine: Any) -> None:  # noqa: ANN401
        self._engine = engine
        self.n_parallel: int = engine.n_parallel
        self.tokens: list[int] = []
        self.prompt_tokens = 0
        self.first = 0.0

    def submit(self, image: Request, /) -> Future[Result]:
        """As the engine does."""
        answer: Future[Result] = self._engine.submit(image)
        answer.add_done_callback(self._count)
        return answer

    def _count(self, answer: Future[Result]) -> None:
        if not self.tokens:
            self.first = time.monotonic()
        timings = answer.result().timings
        self.tokens.append(timings.generated_tokens)
        self.prompt_tokens += timings.prompt_tokens


def ours(job: dict[str, Any]) -> dict[str, Any]:
    """Pages through the pipeline, in this process."""
    import ppocrvl  # noqa: PLC0415
    from ppocrvl.parsing.jobs import page_jobs  # noqa: PLC0415
    from ppocrvl.parsing.parse_options import ParseOptions  # noqa: PLC0415
    from ppocrvl.parsing.parts import Parts  # noqa: PLC0415
    from ppocrvl.parsing.pipeline import Pages  # noqa: PLC0415
    from ppocrvl.parsing.remembering import Memory  # noqa: PLC0415
    from ppocrvl.parsing.sources.opening import open_document  # noqa: PLC0415

    paths = [one["page"] for one in job["pages"]]
    options = ParseOptions.of(
        {
            "max_tokens": job["tokens"],
            "logit_bias": {END_OF_TEXT: -1e9},
            "stop_loops": False,
        }
    )
    engine = ppocrvl.Engine(
        job["llm"], mmproj=job["mmproj"], n_threads=job["threads"], n_parallel=job["parallel"]
    )
    with engine:
        layout = TrueRegions(job["layout"], job["threads"], job["pages"])
        reader = CountingReader(engine)
        parts = Parts(layout, reader, Memory(None, {}), options.blocks_for(reader))
        begin = time.perf_counter()
        with Pages(page_jobs([partial(open_document, paths)]), parts) as pages:
            failed = [error for one in pages for error in getattr(one, "errors", (one,))]
        seconds = time.perf_counter() - begin
    if failed:
        sys.exit(f"pages failed: {failed[0]}")
    return {
        "seconds": seconds,
        "layout": layout.seconds,
        "first": reader.first - job["spawned"],
        "tokens": reader.tokens,
        "prompt_tokens": reader.prompt_tokens,
        "peak": peak_bytes(),
    }


def stock(job: dict[str, Any]) -> dict[str, Any]:
    """The same crops by llama-server with so many slots, the layout by ONNX Runtime in front.

    The layout of the next pages is found while the server reads.
    """
    from peer_llama_server import Server  # noqa: PLC0415

    look = _onnx(job)
    server = Server(job)  # type: ignore[arg-type]
    found: Queue[dict[str, Any] | None] = Queue(maxsize=AHEAD)
    spent, ended = [0.0], list[float]()

    def find() -> None:
        for page in job["pages"]:
            begin = time.perf_counter()
            look(_pixels(page["page"]))
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


def _onnx(job: dict[str, Any]) -> Callable[[NDArray[np.uint8]], object]:
    """Finds regions; without a file nothing does, as in a trial."""
    if not job["onnx"]:
        return lambda _: None
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(job["onnx"], options, providers=["CPUExecutionProvider"])

    def look(pixels: NDArray[np.uint8]) -> object:
        small = Image.fromarray(pixels).resize((800, 800), Image.Resampling.BICUBIC)
        values = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 255
        return session.run(None, {"pixels": np.ascontiguousarray(values)})

    return look


def _pixels(path: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def main() -> None:
    """Measure, and print one line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = (stock if job["program"] == "llama-server" else ours)(job)
    print(f"\n{json.dumps(found)}")


if __name__ == "__main__":
    main()
