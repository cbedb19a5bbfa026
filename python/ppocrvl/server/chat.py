# SPDX-License-Identifier: Apache-2.0
"""POST /v1/chat/completions."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final, Literal

from starlette.responses import JSONResponse, Response

from ppocrvl.errors import PpocrvlError
from ppocrvl.server.answers import (
    AnswerMessage,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    Delta,
    Error,
    Logprobs,
    Reading,
    TokenDetails,
    TokenLogprob,
    Usage,
)
from ppocrvl.server.codes import ApiError, api_error
from ppocrvl.server.conversation import read_messages
from ppocrvl.server.disconnect import PiecewiseResponse, unless_gone
from ppocrvl.server.engine_keywords import chat_options
from ppocrvl.server.engine_service import deadline_exceeded
from ppocrvl.server.intake import take_body, take_pictures
from ppocrvl.server.parsing import media_type, read_json
from ppocrvl.server.record import record_of
from ppocrvl.server.schemas import ChatRequest
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request

    from ppocrvl.requests.results import Result
    from ppocrvl.server.answers import Answer
    from ppocrvl.server.conversation import Conversation
    from ppocrvl.server.engine_service import EngineService, Job, PieceStream
    from ppocrvl.server.record import Record
    from ppocrvl.server.state import State

PING_SECONDS = 15.0
BETWEEN_PICTURES = "\n\n"
_CHUNK: Final = "chat.completion.chunk"


async def chat(request: Request) -> Response:
    """Answer a question about an image, or about several one by one."""
    state, record = state_of(request), record_of(request)
    kind = media_type(request)
    (asked, conversation), sources = await take_body(request, partial(_parse, state, kind))
    record.task = conversation.task.name if conversation.task else "prompt"
    service = state.ready()
    options = chat_options(asked, conversation, service.engine.info, state.limits)
    jobs = await take_pictures(request, sources, options, asked.deadline)
    answer = _Answer(state.name, f"chatcmpl-{record.id}", asked)
    if asked.stream:
        return await _streamed(service, jobs, answer)
    results = await unless_gone(request.receive, _read_all(service, jobs))
    return JSONResponse(answer.whole(results).to_dict())


def _parse(
    state: State, kind: str, body: bytearray
) -> tuple[tuple[ChatRequest, Conversation], list[bytes | str]]:
    if kind != "application/json":
        raise ApiError("unsupported_media_type", "the body must be application/json")
    asked = read_json(ChatRequest, body)
    conversation = read_messages(asked.messages)
    state.pictures.check_count(len(conversation.pictures))
    if len(conversation.pictures) > 1 and len(conversation.turns) > 1:
        raise ApiError("too_many_images", "a conversation can be about one image alone")
    references = [state.pictures.decode(one) for one in conversation.pictures]
    # The pictures as texts are let go.
    asked = asked.model_copy(update={"messages": []})
    return (asked, replace(conversation, pictures=())), references


async def _read_all(service: EngineService, jobs: Sequence[Job]) -> list[Result]:
    """All answers, or the first error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(service.read(job)) for job in jobs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    results = [task.result() for task in tasks]
    if all(one.finish_reason == "deadline" and not one.text for one in results):
        raise deadline_exceeded()
    return results


async def _streamed(service: EngineService, jobs: Sequence[Job], answer: _Answer) -> Response:
    """The answer in pieces, once all images were accepted: until then an error has its status."""
    async with AsyncExitStack() as stack:
        streams = []
        for job in jobs:
            stream = service.stream(job)
            stack.push_async_callback(stream.aclose)
            streams.append(stream)
        for stream in streams:
            await stream.begun()
        events = _events(streams, answer, jobs[0].record, stack.pop_all())
        return PiecewiseResponse(events, "text/event-stream", filler=b":\n\n")


async def _events(
    streams: Sequence[PieceStream], answer: _Answer, record: Record, stack: AsyncExitStack
) -> AsyncGenerator[bytes]:
    """Server-sent events, as OpenAI has them."""
    async with stack:
        yield answer.event(answer.chunk(Delta(role="assistant", content="")))
        results: list[Result] = []
        try:
            for number, stream in enumerate(streams):
                if number:
                    yield answer.event(answer.chunk(Delta(content=BETWEEN_PICTURES)))
                async for piece in stream.pieces(PING_SECONDS):
                    if piece is None:
                        yield b": still reading\n\n"
                    else:
                        yield answer.event(answer.chunk(Delta(content=piece)))
                assert stream.result is not None  # noqa: S101 - the pieces have ended
                results.append(stream.result)
        except PpocrvlError as error:
            told = api_error(error)
            record.errors.append(told.code)
            yield answer.event(Error.of(told))
            return
        yield answer.event(answer.last_chunk(results))
        if answer.wants_usage:
            yield answer.event(answer.usage_chunk(results))
        yield b"data: [DONE]\n\n"


class _Answer:
    """The objects of one completion."""

    def __init__(self, model: str, name: str, asked: ChatRequest) -> None:
        self._head: dict[str, Any] = {"id": name, "created": int(time()), "model": model}
        self._logprobs = bool(asked.logprobs)
        self._tokens = bool(asked.tokens)
        self.wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)

    @staticmethod
    def event(one: Answer) -> bytes:
        values = json.dumps(one.to_dict(), ensure_ascii=False, separators=(",", ":"))
        return f"data: {values}\n\n".encode()

    def whole(self, results: Sequence[Result]) -> Completion:
        message = AnswerMessage(
            role="assistant",
            content=BETWEEN_PICTURES.join(result.text for result in results),
            refusal=None,
        )
        choice = Choice(
            index=0,
            message=message,
            logprobs=self._log_probabilities(results),
            finish_reason=_finish_reason(results),
        )
        return Completion(
            **self._head,
            object="chat.completion",
            choices=[choice],
            usage=_usage(results),
            ppocrvl=self._readings(results),
        )

    def chunk(self, delta: Delta) -> Chunk:
        choice = ChunkChoice(index=0, delta=delta, logprobs=None, finish_reason=None)
        return Chunk(**self._head, object=_CHUNK, choices=[choice])

    def last_chunk(self, results: Sequence[Result]) -> Chunk:
        choice = ChunkChoice(
            index=0,
            delta=Delta(),
            logprobs=self._log_probabilities(results),
            finish_reason=_finish_reason(results),
        )
        return Chunk(**self._head, object=_CHUNK, choices=[choice], ppocrvl=self._readings(results))

    def usage_chunk(self, results: Sequence[Result]) -> Chunk:
        return Chunk(**self._head, object=_CHUNK, choices=[], usage=_usage(results))

    def _log_probabilities(self, results: Sequence[Result]) -> Logprobs | None:
        if not self._logprobs:
            return None
        entries = [entry for result in results for entry in _logprobs(result)]
        return Logprobs(content=entries, refusal=None)

    def _readings(self, results: Sequence[Result]) -> list[Reading]:
        return [Reading.of(result, tokens=self._tokens) for result in results]


def _finish_reason(results: Sequence[Result]) -> Literal["stop", "length"]:
    """OpenAI's word: clients with an enumeration know no others."""
    return "stop" if all(result.finish_reason == "stop" for result in results) else "length"


def _usage(results: Sequence[Result]) -> Usage:
    prompt = sum(result.timings.prompt_tokens for result in results)
    answer = sum(result.timings.generated_tokens for result in results)
    image = sum(result.timings.image_tokens for result in results)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=answer,
        total_tokens=prompt + answer,
        prompt_tokens_details=TokenDetails(image_tokens=image),
    )


def _logprobs(result: Result) -> list[TokenLogprob]:
    """OpenAI's entries for the tokens of an answer."""
    text = result.text.encode()
    begins = (0, *result.token_ends)
    return [
        TokenLogprob(
            token=text[begin:end].decode("utf-8", "replace"),
            logprob=logprob,
            bytes=list(text[begin:end]),
            top_logprobs=[],
        )
        for begin, end, logprob in zip(begins, result.token_ends, result.logprobs, strict=False)
    ]
