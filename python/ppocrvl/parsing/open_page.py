# SPDX-License-Identifier: Apache-2.0
"""A page while its blocks are being read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.document.types import PageData
from ppocrvl.errors import PageError, PpocrvlError
from ppocrvl.parsing.finish import block_from_layer, finish_block, unread_block
from ppocrvl.parsing.layer_choice import LayerChoice
from ppocrvl.parsing.parts import PageFound, PageRead
from ppocrvl.parsing.pictures import page_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ppocrvl.document.types import Block
    from ppocrvl.layout.region import Region
    from ppocrvl.parsing.parts import PageJob, RenderedPage
    from ppocrvl.parsing.plan import PlannedBlock
    from ppocrvl.parsing.text_layer import LayerCharacter
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
        since: when it was begun, by `perf_counter`.
    """

    def __init__(self, job: PageJob, since: float) -> None:
        self.job = job
        self.since = since
        self.key = b""
        self.found: list[Region] | None = None
        self.n_bytes = 0
        self._data = PageData(index=job.index, width=0, height=0, dpi=0.0)
        self._plans: dict[int, PlannedBlock] = {}  # of blocks that are not finished
        self._choice: LayerChoice | None = None
        self._outcomes: dict[Place, Outcome] = {}
        self._blocks: dict[int, Block] = {}
        self._news: list[Block] = []
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

    def planned(
        self, blocks: Iterable[PlannedBlock], characters: Sequence[LayerCharacter] = ()
    ) -> None:
        """These are its blocks, and what its text layer has."""
        self._plans = dict(enumerate(blocks))
        reasons = (block.error for block in self._plans.values())
        self._errors += [PageError(reason) for reason in reasons if reason is not None]
        if characters:
            self._choice = LayerChoice(self._plans, characters)

    def fail(self, error: PpocrvlError) -> None:
        """It cannot be read."""
        self._plans = {}
        self._errors.append(error)
        self._data = replace(self._data, error=one_line(error))

    def requests(self) -> list[tuple[Place, Request]]:
        """What is to be read first; blocks that may come from the text layer are held back."""
        held = {} if self._choice is None else self._choice.held
        return self._requests(number for number in self._plans if number not in held)

    def decide(self) -> list[tuple[Place, Request]]:
        """What was held back and is to be read now, once the sample was read and disagrees.

        Where it agrees, blocks are made of the text layer.
        """
        choice = self._choice
        if choice is None or any(number in self._plans for number in choice.sampled):
            return []
        self._choice = None
        if not choice.is_trusted(lambda number: self._blocks[number].text):
            return self._requests(choice.held)
        for number, lines in choice.held.items():
            self._put_block(number, block_from_layer(self._plans[number], lines))
        return []

    def put(self, place: Place, outcome: Outcome) -> None:
        """This came of a request."""
        self._outcomes[place] = outcome
        if isinstance(outcome, PpocrvlError):
            self._errors.append(outcome)
        self._finish(place[0])

    def found_blocks(self) -> PageFound | None:
        """The page before any block is finished; None where it cannot be read."""
        if self._data.error is not None:
            return None
        blocks = tuple(map(unread_block, self._plans.values()))
        return PageFound(replace(self._data, blocks=blocks))

    def take_news(self) -> tuple[Block, ...]:
        """The blocks that were finished since it was asked last."""
        news, self._news = self._news, []
        return tuple(news)

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

    def _requests(self, numbers: Iterable[int]) -> list[tuple[Place, Request]]:
        return [
            ((number, part), request)
            for number in numbers
            for part, request in enumerate(self._plans[number].requests)
        ]

    def _finish(self, number: int) -> None:
        """Makes the block once all of its answers are there; then its pixels can go."""
        plan = self._plans[number]
        places = [(number, part) for part in range(len(plan.requests))]
        if all(place in self._outcomes for place in places):
            outcomes = [self._outcomes.pop(place) for place in places]
            self._put_block(number, finish_block(plan, outcomes))

    def _put_block(self, number: int, block: Block) -> None:
        self._blocks[number] = block
        self._news.append(block)
        del self._plans[number]


def one_line(error: Exception) -> str:
    """Its message without line breaks."""
    return " ".join(str(error).split())
