# SPDX-License-Identifier: Apache-2.0
"""Measures pages a minute of ppocrvl. Started by documents.py.

The regions of each page are found, with weights that were never trained, and the blocks of the true
ones are read: the same crops as by llama-server, so many tokens of each.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import ppocrvl
from peak_memory import peak_bytes
from ppocrvl.layout.region import Region
from ppocrvl.parsing.jobs import page_jobs
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.parts import Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.sources.opening import open_document
from watching import Watch
from worker import END_OF_TEXT

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result


class TrueRegions:
    """A layout model that works, and whose answer is replaced by the truth.

    Args:
        layout: the model.
        pages: of the job.
        watch: is told of the model's work, and of finding the truth.
    """

    def __init__(self, layout: ppocrvl.Layout, pages: list[dict[str, Any]], watch: Watch) -> None:
        self._layout = layout
        self._told = {_pixels(one["page"]).tobytes(): one["regions"] for one in pages}
        self._detect = watch.looking(self._look)

    def detect(self, image: NDArray[np.uint8]) -> list[Region]:
        """The true regions, after the model has looked."""
        return self._detect(image)

    def _look(self, image: NDArray[np.uint8]) -> list[Region]:
        self._layout.detect(image)
        told = enumerate(self._told[image.tobytes()])
        return [Region.of_box(label, 1.0, tuple(box), order) for order, (label, box) in told]


class CountingReader:
    """An engine, and what became of its requests.

    Args:
        engine: reads.
        watch: is told of what is read.
    """

    def __init__(self, engine: ppocrvl.Engine, watch: Watch) -> None:
        self._submit = watch.reading(engine.submit)
        self.n_parallel = engine.n_parallel
        self.tokens: list[int] = []
        self.prompt_tokens = 0

    def submit(self, image: Request, /) -> Future[Result]:
        """As the engine does."""
        answer: Future[Result] = self._submit(image)
        answer.add_done_callback(self._count)
        return answer

    def _count(self, answer: Future[Result]) -> None:
        timings = answer.result().timings
        self.tokens.append(timings.generated_tokens)
        self.prompt_tokens += timings.prompt_tokens


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Pages through the pipeline, in this process."""
    paths = [one["page"] for one in job["pages"]]
    options = ParseOptions.of(
        {
            "max_tokens": job["tokens"],
            "logit_bias": {END_OF_TEXT: -1e9},
            "stop_loops": False,
        }
    )
    watch = Watch()
    with (
        ppocrvl.Layout(job["layout"] or None, n_threads=job["threads"]) as model,
        ppocrvl.Engine(
            job["llm"], mmproj=job["mmproj"], n_threads=job["threads"], n_parallel=job["parallel"]
        ) as engine,
    ):
        layout = TrueRegions(model, job["pages"], watch)
        reader = CountingReader(engine, watch)
        parts = Parts(layout, reader, Memory(None, {}), options.blocks_for(reader))
        jobs = watch.listing(page_jobs)([partial(open_document, paths)])
        with Pages(jobs, parts) as pages:
            failed = [error for one in pages for error in getattr(one, "errors", (one,))]
        figures = watch.figures()
    if failed:
        sys.exit(f"pages failed: {failed[0]}")
    assert watch.busy.first_end is not None
    return {
        **figures,
        "first": watch.busy.first_end - job["spawned"],
        "tokens": reader.tokens,
        "prompt_tokens": reader.prompt_tokens,
        "peak": peak_bytes(),
    }


def _pixels(path: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def main() -> None:
    """Measure, and print one line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(f"\n{json.dumps(measure(job))}")


if __name__ == "__main__":
    main()
