# SPDX-License-Identifier: Apache-2.0
"""How long corpora take on clusters that are not here: `ppocrvl batch --ray`, simulated.

    python benchmarks/scale.py costs --work DIR > COSTS
    python benchmarks/scale.py simulate COSTS --driver-ms 1.0 [--write]

`costs` measures on this machine: names listed a second, a document opened and hashed, the small
files of a page and a document. `simulate` moves pages through the stages of the pipeline with these
costs and a fake engine, which takes a time for each page (log-normal, so that some take much
longer), with 10, 100 and 1,000 workers. The driver's cost of a page is that of
benchmarks/ray_overhead.py. --write puts the table into docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simpy

import ppocrvl
from document import write_speed
from ppocrvl.batch.attempts import Attempts
from ppocrvl.batch.listing import list_documents
from ppocrvl.batch.manifest import Manifest, PageRecord
from ppocrvl.batch.on_ray import AHEAD_BYTES, AHEAD_BYTES_A_WORKER, BLOCK_BYTES
from ppocrvl.batch.opening import open_listed
from ppocrvl.batch.rows import Row
from ppocrvl.batch.settings import Models, Settings
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.support.hashing import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Generator

    Process = Generator[simpy.Event, Any, None]

NAMES = 100_000
SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "paper.pdf"
PAGES_A_BLOCK = 5
PAGES_A_WORKER = 200
"""That are simulated."""
SPREAD = 0.5
"""Of the logarithm of a page's seconds: one page in 40 takes 2.4 times the mean."""
WORKERS = (10, 100, 1000)
REPEATS = 300


@dataclass(frozen=True)
class Costs:
    """Seconds on one core of what surrounds reading.

    Attributes:
        name: to list one name.
        opened: to open and hash a document.
        page_files: of the small files of a page.
        document_files: of a document, with its output.
        driver: of Ray's driver, for each page.
    """

    name: float
    opened: float
    page_files: float
    document_files: float
    driver: float = 0.001


@dataclass(frozen=True)
class Corpus:
    """What is read.

    Attributes:
        reader: who reads, in words.
        seconds: of a page, of one worker.
        pages: of each document.
    """

    reader: str
    seconds: float
    pages: int


CORPORA = (
    Corpus("real model, two cores", 29.0, 1),
    Corpus("real model, two cores", 29.0, 20),
    Corpus("built-in, one core", 3.0, 1),
    Corpus("built-in, one core", 3.0, 20),
)


class Simulation:
    """Pages on their way through the pipeline.

    The driver, the listing and the file system are a server each, the openers half as many as the
    workers. A worker takes a block of pages, reads one after the other and keeps each. The stages
    before the workers are as many pages ahead as Ray Data is told (`corpus_dataset`).

    Args:
        costs: of everything but reading.
        corpus: what is read.
        workers: actors that read.
    """

    def __init__(self, costs: Costs, corpus: Corpus, workers: int) -> None:
        self._costs, self._corpus, self._workers = costs, corpus, workers
        self._random = random.Random(f"{corpus} {workers}")
        self._world = simpy.Environment()
        sizes = {"listing": 1, "opening": max(1, workers // 2), "driver": 1, "files": 1}
        self._servers = {name: simpy.Resource(self._world, size) for name, size in sizes.items()}
        self._busy: defaultdict[str, float] = defaultdict(float)
        ahead = (AHEAD_BYTES + workers * AHEAD_BYTES_A_WORKER) // BLOCK_BYTES * PAGES_A_BLOCK
        self._pages = simpy.Container(self._world, capacity=max(ahead, corpus.pages))
        self._left = PAGES_A_WORKER * workers

    def run(self) -> tuple[float, dict[str, float]]:
        """Seconds for `PAGES_A_WORKER` pages of each worker, and how busy each server was."""
        self._world.process(self._list(self._left // self._corpus.pages))
        working = [self._world.process(self._work()) for _ in range(self._workers)]
        self._world.run(self._world.all_of(working))
        end = self._world.now
        shares = {
            name: self._busy[name] / end / server.capacity for name, server in self._servers.items()
        }
        return end, shares

    def _list(self, n_documents: int) -> Process:
        for _ in range(n_documents):
            yield from self._served("listing", self._costs.name)
            # Opening may begin once there is space for the pages.
            place = self._servers["opening"].request()
            yield place
            self._world.process(self._open(place))

    def _open(self, place: simpy.Event) -> Process:
        self._busy["opening"] += self._costs.opened
        yield self._world.timeout(self._costs.opened)
        yield self._pages.put(self._corpus.pages)
        self._servers["opening"].release(place)

    def _work(self) -> Process:
        costs = self._costs
        while self._left > 0:
            count = min(PAGES_A_BLOCK, self._left)
            self._left -= count
            yield self._pages.get(count)
            yield from self._served("driver", count * costs.driver)
            for _ in range(count):
                yield self._world.timeout(self._page_seconds())
                yield from self._served("files", costs.page_files)
            self._world.process(
                self._served("files", costs.document_files * count / self._corpus.pages)
            )

    def _served(self, name: str, seconds: float) -> Process:
        self._busy[name] += seconds
        with self._servers[name].request() as place:
            yield place
            yield self._world.timeout(seconds)

    def _page_seconds(self) -> float:
        mean = self._corpus.seconds
        return self._random.lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)


def costs(args: argparse.Namespace) -> None:
    """Measures, and writes JSON to standard output."""
    names, files = args.work / "names", args.work / "files"
    if not names.exists():
        for number in range(NAMES):
            folder = names / f"{number // 1000:03}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:06}.png").touch()
    begin = time.perf_counter()
    n_names = sum(1 for _ in list_documents([str(names)], args.work))
    found = {"name": (time.perf_counter() - begin) / n_names}

    options = ParseOptions()
    begin = time.perf_counter()
    for _ in range(REPEATS):
        sha256_of_file(SAMPLE)
        with open_listed(os.fsencode(SAMPLE), args.work, options) as source:
            assert source.n_pages
    found["opened"] = (time.perf_counter() - begin) / REPEATS

    models = Models(Path("llm"), Path("mmproj"), None, (), built_in=False)
    settings = Settings(("in",), args.work, files, models, options)
    manifest = Manifest(settings)
    attempts = Attempts(manifest.folder, "run")
    document = ppocrvl.parse(SAMPLE, pages="1")
    page = PageRecord(document.pages[0], ())
    begin = time.perf_counter()
    for number in range(REPEATS):
        key = manifest.page_key(f"{number:064}", 0)
        assert not manifest.has_page(key)
        attempts.unfinished([key])
        attempts.begin(key)
        manifest.keep_page(key, page)
        attempts.forget(key)
    found["page_files"] = (time.perf_counter() - begin) / REPEATS

    markdown = document.to_markdown()
    begin = time.perf_counter()
    for number in range(REPEATS):
        assert manifest.page(manifest.page_key(f"{number:064}", 0)) is not None
        row = Row(document=number, path=b"in", output=b"out%d" % number, sha256=f"{number:064}")
        with tempfile.NamedTemporaryFile("w", dir=files, delete=False) as file:
            file.write(markdown)
        output = Path(file.name).replace(files / f"out{number}.md")
        key = manifest.document_key(row)
        manifest.keep_document(key, {}, [str(output)], error="", code=0)
    found["document_files"] = (time.perf_counter() - begin) / REPEATS
    print(json.dumps(found, indent=1))


def simulate(args: argparse.Namespace) -> None:
    """Prints a table, or writes it."""
    values = json.loads(args.costs.read_text(encoding="utf-8"))
    known = Costs(**values, driver=args.driver_ms / 1000)
    lines = ["| reader | pages a document | workers | pages an hour | of the ideal | busiest |"]
    lines.append("|---|--:|--:|--:|--:|---|")
    for corpus in CORPORA:
        for workers in WORKERS:
            seconds, shares = Simulation(known, corpus, workers).run()
            pages = PAGES_A_WORKER * workers
            share = pages * corpus.seconds / workers / seconds
            busiest = max(shares, key=lambda name: shares[name])
            lines.append(
                f"| {corpus.reader} | {corpus.pages} | {workers:,} | {3600 * pages / seconds:,.0f} "
                f"| {share:.0%} | {busiest}, {shares[busiest]:.0%} |"
            )
    spent = ", ".join(f"{name} {1000 * value:.2g} ms" for name, value in asdict(known).items())
    lines += ["", f"Costs: {spent}."]
    if args.write:
        write_speed("scale", lines, "simulation")
    print("\n".join(lines))


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = parser.add_subparsers(required=True)
    way = ways.add_parser("costs")
    way.add_argument("--work", type=Path, required=True, help="an empty folder on the disk")
    way.set_defaults(run=costs)
    way = ways.add_parser("simulate")
    way.add_argument("costs", type=Path, help="what `costs` printed")
    way.add_argument("--driver-ms", type=float, default=1.0, help="of a page")
    way.add_argument("--write", action="store_true")
    way.set_defaults(run=simulate)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
