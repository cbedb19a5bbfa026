# SPDX-License-Identifier: Apache-2.0
"""Who works while documents are parsed, as benchmarks see it."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.parsing.fakes import Shown, Stripes, TrueReader, jobs, painted

from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.parts import Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.sources.opening import open_document
from watching import Busy, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.parsing.parts import PageJob


def busy(*events: tuple[float, str]) -> Busy:
    """Told at these seconds of what begins (+) and ends (-)."""
    now = iter([seconds for seconds, _ in events])
    found = Busy(lambda: next(now))
    for _, kind in events:
        if kind == "+":
            found.begin()
        else:
            found.end()
    return found


def test_what_is_under_way_together_counts_once() -> None:
    found = Busy()
    assert found.share == 0
    # A clock is only asked where something changes: at the first of several that begin.
    one = busy((10, "+"), (12, "-"), (16, "+"), (18, "-"))
    assert (one.share, one.first_end) == (0.5, 12)
    two = Busy(iter([0.0, 4.0, 6.0, 8.0]).__next__)
    two.begin()
    two.begin()
    two.end()
    two.end()
    two.begin()
    assert two.share == 1


SECONDS = 0.03
"""Of processor time, for a page."""


def work() -> None:
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        pass


class Looking(Stripes):
    def detect(self, image: npt.NDArray[np.uint8]) -> Any:
        work()
        return super().detect(image)


def rendered() -> Shown:
    work()
    return Shown(painted(0, 1))


def figures(layout: Stripes, source: Iterator[PageJob]) -> dict[str, Any]:
    watch, reader = Watch(), TrueReader()
    layout.detect = watch.looking(layout.detect)  # type: ignore[method-assign]
    reader.submit = watch.reading(reader.submit)  # type: ignore[method-assign]
    parts = Parts(layout, reader, Memory(None, {}), BlockOptions())
    with Pages(watch.listing(lambda: source)(), parts) as pages:
        assert len(list(pages)) == 8
    found = watch.figures()
    assert 0 <= found["busy"] <= 1
    return found


def test_the_layout_is_not_elsewhere_and_rendering_is() -> None:
    assert figures(Looking(), jobs([1] * 8))["elsewhere"] < 0.5
    slow = (replace(job, render=rendered) for job in jobs([1] * 8))
    assert figures(Stripes(), slow)["elsewhere"] > 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_pdfium_is_seen(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ppocrvl.parsing.sources.pdf_process import PdfProcess

    monkeypatch.setattr(PdfProcess, "close", PdfProcess.close)  # put back afterwards
    watch = Watch()
    watch.watch_pdfium()
    with partial(open_document, samples / "paper.pdf")() as source:
        source.render(0)
    assert watch.pdfium_peak > 10 << 20
