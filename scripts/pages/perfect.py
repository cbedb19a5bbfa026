# SPDX-License-Identifier: Apache-2.0
"""A layout and a reader that err nowhere, so that what a parser loses by itself can be measured.

The lowest bits of a page's pixels say which region they belong to. The layout gives the true
regions; the reader is shown crops, sees whose pixels they are, and gives the true text of those.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pages.truth import answer, told
from ppocrvl.document.document import Document
from ppocrvl.layout.region import Region as FoundRegion
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.label_tasks import task_for
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.parts import NoDocument, PageJob, Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.requests.results import Result, Timings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pages.maker import Page
    from pages.sheet import Region
    from ppocrvl.requests.request import Request

BITS = 4
"""Of each of the three channels: names for 4,095 regions, and one for none, which white has."""
NOBODY = (1 << 3 * BITS) - 1
MOST = 0.5
"""Of a region's pixels must be in a crop that is taken for its picture."""


@dataclass(frozen=True)
class MarkedPage:
    """A page whose pixels tell their regions; a rendered page as parsing takes it."""

    pixels: NDArray[np.uint8]
    dpi: float
    rotation: int = 0
    notes: tuple[str, ...] = ()


class Perfect:
    """Layout and reader of some pages.

    Args:
        pages: with their truth.
    """

    n_parallel = 4

    def __init__(self, pages: Sequence[Page]) -> None:
        self._regions: list[Region] = []
        self._found: dict[bytes, list[FoundRegion]] = {}
        self.pages: list[MarkedPage] = []
        for page in pages:
            pixels = self._marked(np.array(page.image.convert("RGB")), told(page))
            self._found[pixels.tobytes()] = [
                _found(region, order) for order, region in enumerate(told(page))
            ]
            self.pages.append(MarkedPage(pixels, page.dpi))
        names = [_names(one.pixels).ravel() for one in self.pages]
        self._sizes = np.sum([np.bincount(one, minlength=NOBODY + 1) for one in names], axis=0)
        self._sizes[NOBODY] = 0
        self._blocks = ParseOptions().blocks_for(self)

    def _marked(self, pixels: NDArray[np.uint8], regions: Sequence[Region]) -> NDArray[np.uint8]:
        """The page with names in it; of regions that overlap the smaller one shows."""
        first = len(self._regions)
        self._regions += regions
        assert len(self._regions) <= NOBODY
        names = np.full(pixels.shape[:2], NOBODY, np.uint16)
        for number in sorted(range(len(regions)), key=lambda i: -_area(regions[i])):
            x0, y0, x1, y1 = regions[number].box or (0, 0, 0, 0)
            names[y0:y1, x0:x1] = first + number
        mask = (1 << BITS) - 1
        parts = np.stack([names >> BITS * channel & mask for channel in range(3)], axis=-1)
        return (pixels & ~np.uint8(mask)) | parts.astype(np.uint8)

    def detect(self, image: NDArray[np.uint8]) -> list[FoundRegion]:
        """The true regions of one of the pages."""
        return self._found[image.tobytes()]

    def submit(self, image: Request, /) -> Future[Result]:
        """The true text of the regions of which most is in the picture, from top to bottom."""
        names = _names(np.asarray(image.image))
        counts = np.bincount(names.ravel(), minlength=NOBODY + 1)
        shown = np.flatnonzero((counts > MOST * self._sizes) & (self._sizes > 0))
        texts = [
            answer(self._regions[name])
            for name in sorted(shown, key=lambda name: np.flatnonzero((names == name).any(1))[0])
            if task_for(self._regions[name].label, self._blocks) == image.task
        ]
        future: Future[Result] = Future()
        future.set_result(_result("\n".join(texts), str(image.task)))
        return future


def parse(pages: Sequence[Page]) -> Document:
    """The pages as one document, through the whole pipeline."""
    perfect = Perfect(pages)
    parts = Parts(perfect, perfect, Memory(None, {}), ParseOptions().blocks_for(perfect))
    n = len(pages)
    jobs = [
        PageJob(0, "pages", n, i, n, i + 1 == n, partial(perfect.pages.__getitem__, i))
        for i in range(n)
    ]
    with Pages(jobs, parts) as read:
        data = []
        for one in read:
            assert not isinstance(one, NoDocument)
            data.append(one.data)
    return Document.of("pages", n, finish_document(data))


def _names(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    names = np.zeros(pixels.shape[:2], np.uint16)
    for channel in range(3):
        part = pixels[..., channel].astype(np.uint16) & np.uint16((1 << BITS) - 1)
        names |= part << np.uint16(BITS * channel)
    return names


def _area(region: Region) -> int:
    x0, y0, x1, y1 = region.box or (0, 0, 0, 0)
    return (x1 - x0) * (y1 - y0)


def _found(region: Region, order: int) -> FoundRegion:
    assert region.box is not None
    return FoundRegion.of_box(region.label, 1.0, region.box, order)


def _result(text: str, task: str) -> Result:
    return Result(
        text=text,
        finish_reason="stop",
        confidence=1.0,
        task=task,
        image_size=(0, 0),
        resized=(0, 0),
        timings=Timings(0, 0, 0, 0, 0, 0, 0, 0, 1),
        token_ids=(0,),
        logprobs=(0.0,),
        token_ends=(len(text.encode()),),
    )
