# SPDX-License-Identifier: Apache-2.0
"""POST /v1/ocr: images and a task to text, with everything that a result has."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from ppocrvl.errors import PpocrvlError
from ppocrvl.markup.html import result_html
from ppocrvl.server.answers import PictureError, PicturePiece, PictureReading, Readings
from ppocrvl.server.codes import ApiError, api_error
from ppocrvl.server.disconnect import PiecewiseResponse, unless_gone
from ppocrvl.server.engine_keywords import ocr_options
from ppocrvl.server.engine_service import deadline_exceeded
from ppocrvl.server.intake import take_body, take_pictures
from ppocrvl.server.parsing import from_texts, media_type, read_form, read_json
from ppocrvl.server.record import record_of
from ppocrvl.server.schemas import OcrRequest
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request

    from ppocrvl.requests.results import Result
    from ppocrvl.server.answers import Answer
    from ppocrvl.server.engine_service import EngineService, Job, PieceStream
    from ppocrvl.server.record import Record
    from ppocrvl.server.state import State


async def ocr(request: Request) -> Response:
    """Read the images of a form or a JSON object."""
    state, record = state_of(request), record_of(request)
    kind, full_kind = media_type(request), request.headers.get("content-type", "")
    asked, sources = await take_body(request, partial(_parse, state, kind, full_kind))
    record.task = asked.task
    service = state.ready()
    options = ocr_options(asked, state.limits)
    jobs = await take_pictures(request, sources, options, asked.deadline)
    if asked.stream:
        return await _streamed(service, jobs, asked)
    outcomes = await unless_gone(request.receive, _read_all(service, jobs))
    if all(isinstance(one, ApiError) for one in outcomes):
        first = outcomes[0]
        assert isinstance(first, ApiError)  # noqa: S101
        raise first
    results = [await _outcome(number, one, asked) for number, one in enumerate(outcomes)]
    record.errors += [one.code for one in outcomes if isinstance(one, ApiError)]
    answer = Readings(id=f"ocr-{record.id}", model=state.name, results=results)
    return JSONResponse(answer.to_dict())


def _parse(
    state: State, kind: str, content_type: str, body: bytearray
) -> tuple[OcrRequest, list[bytes | str]]:
    references: list[bytes | str] = []
    if kind == "application/json":
        asked = read_json(OcrRequest, body)
    elif kind == "multipart/form-data":
        fields, files = read_form(content_type, body, ("image", "images"))
        asked = from_texts(OcrRequest, fields)
        references += [state.pictures.checked(file.data) for file in files]
    else:
        raise ApiError(
            "unsupported_media_type", "the body must be application/json or multipart/form-data"
        )
    texts = [*([asked.image] if asked.image is not None else []), *(asked.images or [])]
    state.pictures.check_count(len(references) + len(texts))
    references += [state.pictures.decode(text, bare=True) for text in texts]
    return asked.model_copy(update={"image": None, "images": None}), references


async def _read_all(service: EngineService, jobs: Sequence[Job]) -> list[Result | ApiError]:
    """All answers; one bad image does not sink the rest."""

    async def read(job: Job) -> Result | ApiError:
        try:
            result = await service.read(job)
        except PpocrvlError as error:
            return api_error(error)
        if result.finish_reason == "deadline" and not result.text:
            return deadline_exceeded()
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(job)) for job in jobs]
    return [task.result() for task in tasks]


async def _streamed(service: EngineService, jobs: Sequence[Job], asked: OcrRequest) -> Response:
    async with AsyncExitStack() as stack:
        streams = []
        for job in jobs:
            stream = service.stream(job)
            stack.push_async_callback(stream.aclose)
            streams.append(stream)
        if len(streams) == 1:
            await streams[0].begun()  # an error of the only picture has its own status
        lines = _lines(streams, jobs[0].record, stack.pop_all(), asked)
        # JSON may begin with spaces
        return PiecewiseResponse(lines, "application/x-ndjson", filler=b" ")


async def _lines(
    streams: Sequence[PieceStream], record: Record, stack: AsyncExitStack, asked: OcrRequest
) -> AsyncGenerator[bytes]:
    """A JSON object a line: pieces of text, and a result or an error for each image."""
    async with stack:
        for number, stream in enumerate(streams):
            try:
                await stream.begun()
                async for piece in stream.pieces():
                    assert piece is not None  # noqa: S101 - it pings nobody
                    yield _line(PicturePiece(index=number, piece=piece))
            except PpocrvlError as error:
                told = api_error(error)
                record.errors.append(told.code)
                yield _line(await _outcome(number, told, asked))
            else:
                assert stream.result is not None  # noqa: S101 - the pieces have ended
                yield _line(await _outcome(number, stream.result, asked))


def _line(one: Answer) -> bytes:
    return (json.dumps(one.to_dict(), ensure_ascii=False, separators=(",", ":")) + "\n").encode()


async def _outcome(
    number: int, outcome: Result | ApiError, asked: OcrRequest
) -> PictureReading | PictureError:
    if isinstance(outcome, ApiError):
        return PictureError.of(outcome, index=number)
    html = {"html": await asyncio.to_thread(result_html, outcome)} if asked.html else {}
    return PictureReading.of(
        outcome, tokens=bool(asked.tokens), index=number, lines=outcome.lines, **html
    )
