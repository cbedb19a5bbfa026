# SPDX-License-Identifier: Apache-2.0
"""Documents through the parser: so many at once, the others in a line, page by page on demand.

Whoever wants the next page asks for it. So a client that does not read holds its document up, whose
window fills, and nothing grows.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ppocrvl.document.types import PageData
from ppocrvl.parsing.jobs import page_jobs
from ppocrvl.parsing.page_ranges import parse_page_ranges
from ppocrvl.parsing.parts import NoDocument, PageRead, Parts
from ppocrvl.parsing.pipeline import BLOCKS_PER_SLOT, Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.parsing.sources.opening import open_document
from ppocrvl.parsing.window import Load
from ppocrvl.server.codes import ApiError, api_error
from ppocrvl.server.document_meter import DocumentMeter
from ppocrvl.server.engine_service import is_failure
from ppocrvl.server.logs import LOGGER
from ppocrvl.support.resources import started_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from concurrent.futures import Future

    from ppocrvl.errors import PpocrvlError
    from ppocrvl.parsing.parse_options import ParseOptions
    from ppocrvl.parsing.parts import BlocksRead, Layout, PageFound, Step
    from ppocrvl.parsing.sources.found import Found
    from ppocrvl.parsing.sources.source import DocumentSource
    from ppocrvl.server.admission import Admission, Share, Slot
    from ppocrvl.server.engine_service import EngineService
    from ppocrvl.server.metrics import Metrics
    from ppocrvl.server.record import Record
    from ppocrvl.server.server_limits import ServerLimits

T = TypeVar("T")

_MAX_OPEN_PAGES = 16
_MAX_OPEN_BYTES = 64 << 20
"""Of one document that is being read: there are several, and the reader has enough to do with few
pages of each."""


@dataclass(frozen=True, slots=True)
class DocumentJob:
    """A document to read.

    Attributes:
        sources: its files; the pages of several are those of one document.
        options: how.
        share: of the budget of bytes, which counts the pictures that are kept.
        record: of the request.
        layout: another one than the server's; None for that.
        page_images: keep an image of each page.
    """

    sources: Sequence[Found]
    options: ParseOptions
    share: Share
    record: Record
    layout: Layout | None = None
    page_images: bool = False


class DocumentService:
    """Reads documents with the engine of the server.

    Args:
        service: has the engine, which reads their blocks.
        layout: finds them.
        limits: on what is read.
        admission: counts pages.
        metrics: count everything.
    """

    def __init__(
        self,
        service: EngineService,
        layout: Layout,
        limits: ServerLimits,
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self.engine = service.engine
        self.health = service.health
        self.layout = layout
        self.limits = limits
        self.admission = admission
        self.metrics = metrics
        self.places = asyncio.Semaphore(limits.max_documents)
        # One may still be closing a document while the next one is read.
        self._threads = started_pool(2 * limits.max_documents, "ppocrvl-document", "the server")

    def begin(self, job: DocumentJob) -> DocumentReading:
        """A document on its way; closed at the latest with its request.

        Raises:
            ApiError: too many pages are inside.
        """
        return DocumentReading(self, job)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Has it done in a thread."""
        return self._threads.submit(work)

    def close(self) -> None:
        """End the threads once they are done; waits for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def end(self) -> None:
        """Likewise, and waits until they have closed what they are at."""
        self._threads.shutdown()


class DocumentReading:
    """One document: opened, then read page by page.

    Attributes:
        n_pages: that it has; there once it is open.
        n_read: of those, how many are read.
        name: what to call it.
    """

    def __init__(self, service: DocumentService, job: DocumentJob) -> None:
        self._service = service
        self._job = job
        self._slots: list[Slot] = service.admission.take(1)  # it has a page at least
        self._source: DocumentSource | None = None
        self._pages: Pages | None = None
        self._has_place = False
        n_bytes = sum(len(one.source) for one in job.sources)  # type: ignore[arg-type, misc]
        self._meter = job.record.document = DocumentMeter(service.metrics, n_bytes)
        seconds = service.limits.document_seconds - job.record.seconds
        self._until = asyncio.get_running_loop().time() + seconds
        self.n_pages = self.n_read = 0
        self.name = ""
        job.record.releases.append(self.close)

    async def open(self) -> None:
        """Waits for a place, opens the document and begins to read it.

        Raises:
            ApiError: it has too many pages, or too many are inside, or it is too late.
            PpocrvlError: it cannot be opened.
        """
        async with self._in_time():
            await self._service.places.acquire()
            self._has_place = True
            options, limits = self._job.options, self._service.limits
            opening = partial(
                open_document,
                self._job.sources,  # type: ignore[arg-type]
                dpi=options.dpi,
                password=options.password,
                max_image_pixels=limits.max_image_pixels,
            )
            source = await self._in_thread(partial(self._meter.timed, "open", opening), _close)
        self._source, self.name, self.n_pages = source, source.name, source.n_pages
        self.n_read = self._count_pages()
        self._slots += self._service.admission.take(self.n_read - 1)
        self._pages = self._begin(source)

    async def pages(self) -> AsyncIterator[PageData]:
        """The pages in their order, each as soon as it is read.

        Raises:
            ApiError: it is too late.
            PpocrvlError: the document cannot be read any more.
        """
        async for read in self._given(self._next):
            if isinstance(read, PageData):
                yield read

    def steps(self) -> AsyncIterator[PageData | PageFound | BlocksRead]:
        """Likewise, and before a page its regions and its blocks as they are read.

        Raises:
            ApiError: as `pages`.
            PpocrvlError: as `pages`.
        """
        return self._given(self._step)

    async def _given(
        self, take: Callable[[], Step | None]
    ) -> AsyncIterator[PageData | PageFound | BlocksRead]:
        while True:
            async with self._in_time():
                step = await self._in_thread(take)
            if step is None:
                return
            if isinstance(step, NoDocument):
                raise step.error
            if isinstance(step, PageRead):
                self._meter.note_page(step)
                self._slots.pop().release()
                yield self._told(step)
            else:
                yield step

    async def all_pages(self) -> list[PageData]:
        """The pages, once all of them are read.

        Raises:
            ApiError: as `pages`, or their pictures take too much memory.
            PpocrvlError: as `pages`.
        """
        pages = []
        async for page in self.pages():
            self._job.share.add(_picture_bytes(page))
            pages.append(page)
        return pages

    def close(self) -> None:
        """End the reading, whatever it is at; nobody waits for it. A second time does nothing."""
        pages, source = self._pages, self._source
        self._pages = self._source = None
        if pages is not None:
            pages.cancel()
        if source is not None:
            with suppress(RuntimeError):  # the threads have ended, and the process is about to
                self._service.submit(partial(_close_all, pages, source))
        while self._slots:
            self._slots.pop().release()
        if self._has_place:
            self._has_place = False
            self._service.places.release()

    def _count_pages(self) -> int:
        """How many are wanted.

        Raises:
            ApiError: too many.
            OptionError: there are no such pages.
        """
        wanted, most = self._job.options.pages, self._service.limits.max_pages
        count = self.n_pages if wanted is None else len(parse_page_ranges(wanted, self.n_pages))
        if count > most:
            raise ApiError(
                "document_too_large",
                f"{self.name}: {count:,} pages are over the limit of {most:,}; ask for some of "
                "them with pages=1-100",
                param="pages",
            )
        return count

    def _begin(self, source: DocumentSource) -> Pages:
        job, options, engine = self._job, self._job.options, self._service.engine
        parts = Parts(
            self._meter.layout(job.layout or self._service.layout),
            self._meter.reader(engine),
            Memory(None, {}),
            options.blocks_for(engine),
            page_deadline=options.page_deadline,
            uses_text_layer=options.text_layer == "auto",
            turns_pages=options.turn,
            page_images=job.page_images,
            gives_drafts=options.gives_drafts_to(engine),
        )
        limit = Load(_MAX_OPEN_PAGES, BLOCKS_PER_SLOT * engine.n_parallel, _MAX_OPEN_BYTES)
        jobs = self._meter.jobs(page_jobs([lambda: source], pages=options.pages))
        return Pages(jobs, parts, limit=limit)

    def _next(self) -> PageRead | NoDocument | None:
        pages = self._pages
        return None if pages is None else next(pages, None)

    def _step(self) -> Step | None:
        pages = self._pages
        return None if pages is None else pages.step()

    def _told(self, read: PageRead) -> PageData:
        """The page as the client may see it: what failed inside is not for its eyes."""
        page = read.data
        for error in filter(is_failure, read.errors):
            about = {"id": self._job.record.id, "why": str(error)}
            LOGGER.error("engine failed", exc_info=error, extra={"values": about})
            self._service.health.note_failure()
        hidden = dict(map(_told_error, read.errors))
        blocks = [
            replace(one, error=hidden.get(one.error, one.error)) if one.error else one
            for one in page.blocks
        ]
        told = hidden.get(page.error, page.error) if page.error else None
        return replace(page, error=told, blocks=tuple(blocks))

    def _in_time(self) -> _InTime:
        return _InTime(self._until, self._service.limits.document_seconds)

    async def _in_thread(
        self, work: Callable[[], T], otherwise: Callable[[T], None] | None = None
    ) -> T:
        """What the work gives; `otherwise` gets it where nobody waits any more."""
        doing = self._service.submit(work)
        try:
            return await asyncio.wrap_future(doing)
        except asyncio.CancelledError:
            if otherwise is not None:
                doing.add_done_callback(partial(_hand_over, otherwise))
            raise


class _InTime:
    """`asyncio.timeout_at` whose error is ours."""

    def __init__(self, until: float, seconds: float) -> None:
        self._timeout = asyncio.timeout_at(until)
        self._seconds = seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._timeout.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError:
            raise ApiError(
                "deadline_exceeded",
                f"the document was not read within {self._seconds:g} seconds; ask for fewer pages",
            ) from None


def _told_error(error: PpocrvlError) -> tuple[str, str]:
    """What stands in the page, and what the client is told instead."""
    return " ".join(str(error).split()), api_error(error).message


def _picture_bytes(page: PageData) -> int:
    pictures = [picture for block in page.blocks for picture in block.pictures]
    if page.image is not None:
        pictures.append(page.image)
    return sum(len(picture.data) for picture in pictures)


def _hand_over(otherwise: Callable[[T], None], done: Future[T]) -> None:
    if not done.cancelled() and done.exception() is None:
        otherwise(done.result())


def _close(source: DocumentSource) -> None:
    source.close()


def _close_all(pages: Pages | None, source: DocumentSource) -> None:
    source.close()  # ends what is being rendered
    if pages is not None:
        pages.close()
