# SPDX-License-Identifier: Apache-2.0
"""The engine as the server uses it: one picture, as a whole or in pieces."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import (
    CancelledError,
    EngineError,
    InvalidTextError,
    PpocrvlError,
    QueueFullError,
)
from ppocrvl.server.codes import ApiError
from ppocrvl.server.health import Health
from ppocrvl.server.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ppocrvl.engine.engine import Engine
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.results import Result
    from ppocrvl.server.admission import Slot
    from ppocrvl.server.record import Record


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to read.

    Attributes:
        picture: encoded bytes.
        options: how.
        slot: its place; given back when the engine is done with it.
        record: of the request.
    """

    picture: bytes
    options: ReadOptions
    slot: Slot
    record: Record


class EngineService:
    """Reads pictures, and keeps an eye on whether the engine can.

    Attributes:
        health: what is known of that.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.health = Health(self._probe)
        self._probes = itertools.count()

    async def start(self) -> None:
        """Read a small picture: threads and memory that it takes are there before the first client.

        Raises:
            EngineError: there are too few.
        """
        await self._probe()

    async def read(self, job: Job) -> Result:
        """The whole answer. Cancelling the task cancels the reading.

        Raises:
            PpocrvlError: the picture cannot be read.
        """
        try:
            return self.finished(job, await self.engine.aocr(job.picture, **job.options))
        except Exception as error:  # noqa: BLE001 - want of memory comes in many forms
            raise self.failed(job, error) from None  # the log has it
        finally:
            job.slot.release()

    def stream(self, job: Job) -> PieceStream:
        """The answer in pieces; reading begins now."""
        return PieceStream(self, job)

    def close(self) -> None:
        """End the engine."""
        self.health.close()
        self.engine.close()

    def finished(self, job: Job, result: Result) -> Result:
        """The answer, on record.

        Raises:
            CancelledError: the engine was closed before it was complete.
        """
        if result.finish_reason == "cancelled":
            raise CancelledError("the server ended before the answer was complete")
        self.health.note_success()
        job.record.results.append(result)
        return result

    def failed(self, job: Job, error: Exception) -> PpocrvlError:
        """What to say of an error, which is logged."""
        about = {"id": job.record.id, "why": str(error)}
        if isinstance(error, PpocrvlError) and not is_failure(error):
            LOGGER.info("error", extra={"values": about})
            return error
        LOGGER.error("engine failed", exc_info=error, extra={"values": about})
        self.health.note_failure()
        return error if isinstance(error, EngineError) else EngineError(repr(error))

    async def _probe(self) -> None:
        """Read a picture of one token, and of pixels that no cache has."""
        side = self.engine.info.patch_size * self.engine.info.merge_size
        pixels = np.full((side, side, 3), next(self._probes) % 256, np.uint8)
        await self.engine.aocr(pixels, max_tokens=1, min_pixels=1, max_pixels=side * side)


class PieceStream:
    """Pieces of one answer.

    A task of its own takes them from the engine as they come: however slowly the client reads, the
    engine's place is free as soon as the engine is done. What waits here is one answer at most.
    """

    def __init__(self, service: EngineService, job: Job) -> None:
        self._service = service
        self._job = job
        self._items: asyncio.Queue[str | Result | PpocrvlError] = asyncio.Queue()
        self._begun = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._pump())
        self.result: Result | None = None

    async def begun(self) -> None:
        """Returns once the picture was accepted and waits for its turn.

        Raises:
            PpocrvlError: it was not.
        """
        await asyncio.shield(self._begun)

    async def pieces(self, ping_seconds: float | None = None) -> AsyncGenerator[str | None]:
        """The pieces; afterwards `result` is there.

        Args:
            ping_seconds: yield None where no piece came for so long.

        Raises:
            PpocrvlError: the engine failed.
        """
        while True:
            try:
                async with asyncio.timeout(ping_seconds):
                    item = await self._items.get()
            except TimeoutError:
                yield None
                continue
            if isinstance(item, PpocrvlError):
                raise item
            if not isinstance(item, str):
                self.result = item
                return
            self._job.record.note_piece()
            yield item

    async def aclose(self) -> None:
        """Cancel the reading if it still runs."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if not self._begun.done():
            self._begun.cancel()
        elif not self._begun.cancelled():
            self._begun.exception()  # taken note of, whether or not somebody waited for it

    async def _pump(self) -> None:
        try:
            async with await self._service.engine.astream(
                self._job.picture, **self._job.options
            ) as stream:
                self._begun.set_result(None)
                async for piece in stream:
                    self._items.put_nowait(piece)
            self._items.put_nowait(self._service.finished(self._job, stream.result))
        except Exception as error:  # noqa: BLE001 - somebody waits for its end, or for its begin
            failure = self._service.failed(self._job, error)
            if self._begun.done():
                self._items.put_nowait(failure)
            else:
                self._begun.set_exception(failure)
        finally:
            self._job.slot.release()


def is_failure(error: PpocrvlError) -> bool:
    """Whether the engine is to blame, not the request."""
    return isinstance(error, EngineError) and not isinstance(
        error, InvalidTextError | QueueFullError
    )


def left_of_deadline(record: Record, asked: float | None, limit: float) -> float:
    """Seconds that the engine has for a request.

    Raises:
        ApiError: none are left.
    """
    seconds = min(limit, limit if asked is None else asked) - record.seconds
    if seconds <= 0:
        raise deadline_exceeded()
    return seconds


def deadline_exceeded() -> ApiError:
    """The error of a request whose deadline passed before there was anything to answer."""
    return ApiError(
        "deadline_exceeded", "the deadline passed before the first token was there; allow more time"
    )
