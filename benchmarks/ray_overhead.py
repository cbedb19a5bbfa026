# SPDX-License-Identifier: Apache-2.0
"""What Ray costs for each page of a corpus: the stages of `ppocrvl batch`, with nothing in them.

python benchmarks/ray_overhead.py --pages 500,2500 --workers 2

Prints seconds on the clock and processor seconds of the driver for each number of pages, and what
one page more costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import ray

from ppocrvl.batch import on_ray, ray_stages
from ppocrvl.batch.assembling import Assembling
from ppocrvl.batch.opening import Opening
from ppocrvl.batch.reading import PageReader
from ppocrvl.batch.settings import Models, Settings
from ppocrvl.parsing.parse_options import ParseOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ppocrvl.batch.rows import Row


def install() -> None:
    """In each worker: documents have a page each, which is read as soon as it is asked for."""

    def rows(_: Opening, row: Row) -> Iterator[Row]:
        yield replace(row, sha256="0" * 64, n_pages=1, page=0)

    def read(_: PageReader, pages: Iterable[Row]) -> Iterator[Row]:
        return (replace(page, state="read", worker="nobody") for page in pages)

    def passed_on(_: Assembling, pages: Iterable[Row]) -> Iterator[Row]:
        return iter(pages)

    no_models: Any = type("NoModels", (), {"parts": None})
    for where, name, what in (
        (ray_stages, "reader_of", lambda *_: no_models),
        (Opening, "_rows", rows),
        (PageReader, "__call__", read),
        (Assembling, "__call__", passed_on),
    ):
        patch.object(where, name, what).start()


def seconds(folder: Path, n_pages: int, workers: int) -> tuple[float, float]:
    """On the clock, and of the driver's processor time, from the first row to the last."""
    corpus = folder / str(n_pages)
    corpus.mkdir()
    for number in range(n_pages):
        (corpus / f"{number}.png").touch()
    models = Models(Path("llm"), Path("mmproj"), None, (), built_in=False)
    settings = Settings((str(corpus),), folder, folder / f"out-{n_pages}", models, ParseOptions())
    dataset = on_ray.corpus_dataset(ray, settings, "run", on_ray.Workers(workers, 1))
    begun: tuple[float, float] | None = None
    count = 0
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        begun = begun or (time.perf_counter(), time.process_time())
        count += batch.num_rows
    assert begun is not None
    assert count == n_pages
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", default="500,2500")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    ray.init(
        address="local",
        num_cpus=args.workers,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={
            "worker_process_setup_hook": "ray_overhead.install",
            "env_vars": {"PYTHONPATH": str(Path(__file__).parent)},
        },
    )
    sizes = [int(one) for one in args.pages.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        found = [seconds(Path(folder), size, args.workers) for size in sizes]
    for size, (clock, driver) in zip(sizes, found, strict=True):
        print(f"{size} pages: {clock:.2f} s, {driver:.2f} s of the driver's processor time")
    more = sizes[-1] - sizes[0]
    clock, driver = (found[-1][kind] - found[0][kind] for kind in (0, 1))
    print(f"a page more: {1000 * clock / more:.2f} ms, {1000 * driver / more:.2f} ms of the driver")


if __name__ == "__main__":
    main()
