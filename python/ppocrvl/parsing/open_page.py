# SPDX-License-Identifier: Apache-2.0
"""A page while its blocks are being read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.document.types import PageData
from ppocrvl.errors import PpocrvlError
from ppocrvl.parsing.finish import finish_block
from ppocrvl.parsing.parts import PageRead
from ppocrvl.parsing.pictures import page_image

if TYPE_CHECKING:
    from ppocrvl.document.types import Block
    from ppocrvl.layout.region import Region
    from ppocrvl.parsing.parts import PageJob, RenderedPage
    from ppocrvl.parsing.plan import PlannedBlock
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Outcome

Place: TypeAlias = tuple[int, int]
"""Of a block on its page, and of a request among those of its block."""


class OpenPage:
    """What is known of a page so far. One thread at a time has it.

    Attributes:
        job: what is to be read.
        key: of its regions in a memory.
        found: regions that a memory does not have yet.
        n_bytes: of what is held for it.
    """

    def __init__(self, job: PageJob) -> None:
        self.job = job
        self.key = b""
        self.found: list[Region] | None = None
        self.n_bytes = 0
        self._data = PageData(index=job.index, width=0, height=0, dpi=0.0)
        self._plans: dict[int, PlannedBlock] = {}  # of blocks that are not finished
        self._outcomes: dict[Place, Outcome] = {}
        self._blocks: dict[int, Block] = {}
        self._errors: list[PpocrvlError] = []

    def rendered(self, page: RenderedPage, *, keep_image: bool) -> None:
        """This is how it looks, which may be kept as a picture."""
        height, width = page.pixels.shape[:2]
        self.n_bytes = page.pixels.nbytes
        self._data = replace(
            self._data,
            width=width,
            height=height,
            dpi=page.dpi,
            rotation=page.rotation,
            notes=tuple(page.notes),
            image=page_image(page.pixels, page=self.job.index) if keep_image else None,
        )

    def planned(self, blocks: list[PlannedBlock]) -> None:
        """These are its blocks."""
        self._plans = dict(enumerate(blocks))

    def fail(self, error: PpocrvlError) -> None:
        """It cannot be read."""
        self._plans = {}
        self._errors.append(error)
        self._data = replace(self._data, error=one_line(error))

    def requests(self) -> list[tuple[Place, Request]]:
        """All that is to be read."""
        return [
            ((number, part), request)
            for number, plan in self._plans.items()
            for part, request in enumerate(plan.requests)
        ]

    def put(self, place: Place, outcome: Outcome) -> None:
        """This came of a request."""
        self._outcomes[place] = outcome
        if isinstance(outcome, PpocrvlError):
            self._errors.append(outcome)
        self._finish(place[0])

    def finish_unread(self) -> None:
        """Finishes blocks without requests, such as figures."""
        for number, plan in list(self._plans.items()):
            if not plan.requests:
                self._finish(number)

    @property
    def is_done(self) -> bool:
        """Whether nothing is awaited any more."""
        return not self._plans

    def let_go(self) -> None:
        """Once it is done, nothing is held of it but its pictures."""
        pictures = [picture for block in self._blocks.values() for picture in block.pictures]
        if self._data.image is not None:
            pictures.append(self._data.image)
        self.n_bytes = sum(len(picture.data) for picture in pictures)

    def result(self) -> PageRead:
        """The page, once it is done."""
        blocks = tuple(block for _, block in sorted(self._blocks.items()))
        return PageRead(self.job, replace(self._data, blocks=blocks), tuple(self._errors))

    def _finish(self, number: int) -> None:
        """Makes the block once all of its answers are there; then its pixels can go."""
        plan = self._plans[number]
        places = [(number, part) for part in range(len(plan.requests))]
        if all(place in self._outcomes for place in places):
            outcomes = [self._outcomes.pop(place) for place in places]
            self._blocks[number] = finish_block(plan, outcomes)
            del self._plans[number]


def one_line(error: Exception) -> str:
    """Its message without line breaks."""
    return " ".join(str(error).split())
