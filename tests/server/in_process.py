# SPDX-License-Identifier: Apache-2.0
"""The application without a process of its own, in front of an engine that does as it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, cast

import httpx2
from tests.waiting import SECONDS

from ppocrvl.requests.results import Result, Timings
from ppocrvl.server.admission import Admission, ByteBudget
from ppocrvl.server.app import build_app
from ppocrvl.server.auth import Keys
from ppocrvl.server.document_service import DocumentService
from ppocrvl.server.engine_service import EngineService
from ppocrvl.server.gate import Access
from ppocrvl.server.metrics import Metrics
from ppocrvl.server.pictures import PictureLoader
from ppocrvl.server.server_limits import ServerLimits
from ppocrvl.server.state import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ppocrvl.engine.engine import Engine
    from ppocrvl.parsing.parts import Layout, Reader
    from ppocrvl.server.fetch import Fetcher

    Read = Callable[[object], Awaitable[Result]]


def result(text: str = "text", **more: Any) -> Result:
    timings = Timings(0, 0, 0, 0, 0, 0, image_tokens=1, prompt_tokens=2, generated_tokens=1)
    values: dict[str, Any] = {"finish_reason": "stop", "confidence": 1.0, "task": "ocr"}
    size = (28, 28)
    return Result(text, image_size=size, resized=size, timings=timings, token_ids=(1,),
                  logprobs=(0.0,), token_ends=(len(text),), **{**values, **more})  # fmt: skip


class PromptEngine:
    """An engine that answers with what `read` gives or raises, in one piece if it is streamed.

    Attributes:
        piece_first: a stream gives a piece before `read` is asked.
        options: that pictures were read with.
    """

    def __init__(self, read: Read, *, piece_first: bool = False) -> None:
        self._read = read
        self.piece_first = piece_first
        self.options: list[dict[str, Any]] = []
        self.info = self
        self.patch_size, self.merge_size = 14, 2
        self.task_pixels: dict[str, tuple[int, int]] = {}

    def check(self) -> None:
        """It is always there."""

    async def aocr(self, picture: object, **options: Any) -> Result:
        self.options.append(options)
        return await self._read(picture)

    async def astream(self, picture: object, **_: Any) -> PromptStream:
        done = None if self.piece_first else await self._read(picture)
        return PromptStream(done, lambda: self._read(picture))


class PromptStream:
    def __init__(self, done: Result | None, read: Callable[[], Awaitable[Result]]) -> None:
        self._done = done
        self._read = read
        self._pieces = ["piece"]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._pieces:
            return self._pieces.pop()
        self._done = self._done or await self._read()
        raise StopAsyncIteration

    @property
    def result(self) -> Result:
        assert self._done is not None
        return self._done

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def make_state(
    engine: PromptEngine, fetcher: Fetcher | None = None, *, places: int = 8, **limits: Any
) -> State:
    """What the requests share."""
    bounds = ServerLimits(**limits)
    admission, pages = Admission(places, 0), Admission(0, bounds.max_waiting_pages, "pages")
    return State(
        name="none",
        limits=bounds,
        admission=admission,
        pages=pages,
        uploads=ByteBudget(bounds.max_upload_bytes),
        pictures=PictureLoader(bounds, fetcher),
        metrics=Metrics(admission, pages),
        service=EngineService(cast("Engine", engine)),
    )


class BlockEngine(PromptEngine):
    """An engine whose blocks of documents another reader reads."""

    def __init__(self, reader: Reader) -> None:
        async def read(_: object) -> Result:
            return result()

        super().__init__(read)
        self._reader = reader
        self.n_parallel = reader.n_parallel
        self.submit = reader.submit
        self.takes_drafts = getattr(reader, "takes_drafts", False)


def make_document_state(reader: Reader, layout: Layout, **limits: Any) -> State:
    """Likewise, of a server that reads documents."""
    state = make_state(BlockEngine(reader), **limits)
    assert state.service is not None
    state.documents = DocumentService(
        state.service, layout, state.limits, state.pages, state.metrics
    )
    return state


def run(state: State, talk: Callable[[httpx2.AsyncClient], Awaitable[None]]) -> None:
    """Lets a client talk to the application; afterwards nothing may be held."""

    async def serve() -> None:
        transport = httpx2.ASGITransport(app=build_app(state, Access(Keys([]))))
        async with (
            asyncio.timeout(SECONDS),
            httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            await talk(client)

    asyncio.run(serve())
    check_nothing_is_held(state)


def check_nothing_is_held(state: State) -> None:
    """After the last request; ends the threads."""
    state.parser.shutdown()
    state.writer.shutdown()
    if state.documents is not None:
        assert not state.documents.places.locked()
        state.documents.end()
    assert state.admission.inside == 0
    assert state.pages.inside == 0
    assert state.uploads.held == 0
