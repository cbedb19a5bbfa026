# SPDX-License-Identifier: Apache-2.0
"""Reading for an event loop: told page by page, and ended when whoever asked has gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from anyio import CancelScope
from anyio.to_thread import run_sync

from ppocrvl.document.document import Document
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.jobs import page_jobs
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.parts import NoDocument, Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.sources.found import Found
from ppocrvl.parsing.sources.opening import open_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ppocrvl.engine.engine import Engine
    from ppocrvl.parsing.parts import Layout, PageRead
    from ppocrvl.requests.results import Result
    from ppocrvl.requests.tasks import TaskName

    Progress = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What reads.

    Attributes:
        engine: reads blocks and pictures.
        layout: finds the regions of pages.
    """

    engine: Engine
    layout: Layout

    async def document(
        self, file: BinaryIO, name: str, *, pages: str | None, progress: Progress
    ) -> Document:
        """Read a document. Cancelling the task ends all requests.

        Args:
            file: a PDF or a picture.
            name: what to call it.
            pages: which pages, such as "1-3,7,-1"; None for all.
            progress: is told how many pages are done, and how many there are, after each.

        Raises:
            DocumentError: it cannot be opened, or has no such page.
            ImageError: it is a picture, and cannot be opened.
            OptionError: the pages make no sense.
        """
        options = ParseOptions(pages=pages)
        parts = Parts(
            self.layout,
            self.engine,
            Memory(None, {}),
            options.blocks_for(self.engine),
            gives_drafts=options.gives_drafts_to(self.engine),
        )
        opened = partial(open_document, Found(name, file), dpi=options.dpi)
        reading = Pages(page_jobs([opened], pages=options.pages), parts)
        read: list[PageRead] = []
        try:
            while (one := await run_sync(next, reading, None, abandon_on_cancel=True)) is not None:
                if isinstance(one, NoDocument):
                    raise one.error
                read.append(one)
                await progress(len(read), one.job.n_pages)
        finally:
            reading.cancel()
            with CancelScope(shield=True):
                await run_sync(reading.close)
        data = finish_document([one.data for one in read])
        return Document.of(name, read[0].job.n_in_document, data)

    async def image(self, file: BinaryIO, task: TaskName) -> Result:
        """Read a picture as one text. Cancelling the task ends the request.

        Raises:
            ImageError: it is no picture.
            ContextError: it is longer than the model's context.
            EngineError: the engine failed.
        """
        return await self.engine.aocr(file, task=task)
