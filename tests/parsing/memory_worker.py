# SPDX-License-Identifier: Apache-2.0
"""Reads so many pages with fakes and a journal; prints the most memory that it took, in KiB.

python -m tests.parsing.memory_worker N_PAGES JOURNAL
"""

from __future__ import annotations

import os
import resource
import sys
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from tests.parsing.fakes import ROWS, WIDTH, Shown, Stripes, jobs, name_of, painted, result

from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.journal import Journal
from ppocrvl.parsing.parts import PageJob, PageRead, Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory

if TYPE_CHECKING:
    import numpy.typing as npt

    from ppocrvl.layout.region import Region
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result

N_BLOCKS = 2
MARGIN = 2000
"""Rows of pixels under the blocks."""


class Upper(Stripes):
    """Finds the stripes, not what is under them."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        return super().detect(image[: N_BLOCKS * ROWS])


class Reader:
    """Keeps nothing."""

    n_parallel = 4

    def submit(self, image: Request) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(result(name_of(np.asarray(image.image))))
        return future


def sheet(job: PageJob) -> Shown:
    pixels = np.full((N_BLOCKS * ROWS + MARGIN, WIDTH, 3), 255, np.uint8)
    pixels[: N_BLOCKS * ROWS] = painted(job.index, N_BLOCKS)
    return Shown(pixels)


def main() -> None:
    mock.patch.object(os, "fdatasync").start()  # the subject is memory
    n_pages = int(sys.argv[1])
    n_read = 0
    with Journal(Path(sys.argv[2])) as journal:
        parts = Parts(Upper(), Reader(), Memory(journal, {}), BlockOptions())
        source = (replace(job, render=partial(sheet, job)) for job in jobs([0] * n_pages))
        with Pages(source, parts) as pages:
            for page in pages:
                assert isinstance(page, PageRead)
                n_read += len(page.data.blocks)
    assert n_read == n_pages * N_BLOCKS
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


main()
