# SPDX-License-Identifier: Apache-2.0
"""POST /v1/chat/completions."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from ppocrvl.errors import PpocrvlError
from ppocrvl.server.codes import ApiError, api_error
from ppocrvl.server.conversation import read_messages
from ppocrvl.server.disconnect import PiecewiseResponse, unless_gone
from ppocrvl.server.intake import take_body, take_pictures
from ppocrvl.server.options import chat_options
from ppocrvl.server.parsing import media_type, read_json
from ppocrvl.server.reader import deadline_exceeded
from ppocrvl.server.record import record_of
from ppocrvl.server.schemas import ChatRequest
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request

    from ppocrvl.requests.results import Result
    from ppocrvl.server.conversation import Conversation
    from ppocrvl.server.reader import Job, PieceStream, Reader
    from ppocrvl.server.record import Record
    from ppocrvl.server.state import State

PING_SECONDS = 15.0
BETWEEN_PICTURES = "\n\n"
_FINISH_REASONS = {"stop": "stop", "length": "length", "repetition": "length", "deadline": "length"}
"""OpenAI's word for each of ours: clients with an enumeration know no others. The `ppocrvl` object
of an answer has our own."""


async def chat(request: Request) -> Response:
    """Answer a question about a picture, or about several one by one."""
    state, record = state_of(request), record_of(request)
    kind = media_type(request)
    (asked, conversation), sources = await take_body(request, partial(_parse, state, kind))
    record.task = conversation.task.name if conversation.task else "prompt"
    reader = state.ready()
    options = chat_options(asked, conversation, reader.engine.info, state.limits)
    jobs = await take_pictures(request, sources, options, asked.deadline)
    answer = _Answer(state.name, f"chatcmpl-{record.id}", asked)
    if asked.stream:
        return await _streamed(reader, jobs, answer)
    results = await unless_gone(request.receive, _read_all(reader, jobs))
    return JSONResponse(answer.whole(results))


def _parse(
    state: State, kind: str, body: bytearray
) -> tuple[tuple[ChatRequest, Conversation], list[bytes | str]]:
    if kind != "application/json":
        raise ApiError("unsupported_media_type", "the body must be application/json")
    asked = read_json(ChatRequest, body)
    conversation = read_messages(asked.messages)
    state.pictures.check_count(len(conversation.pictures))
    if len(conversation.pictures) > 1 and len(conversation.turns) > 1:
        raise ApiError("too_many_images", "a conversation can be about one picture alone")
    references = [state.pictures.decode(one) for one in conversation.pictures]
    # The pictures as texts are let go.
    asked = asked.model_copy(update={"messages": []})
    return (asked, replace(conversation, pictures=())), references


async def _read_all(reader: Reader, jobs: Sequence[Job]) -> list[Result]:
    """All answers, or the first error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(reader.read(job)) for job in jobs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    results = [task.result() for task in tasks]
    if all(one.finish_reason == "deadline" and not one.text for one in results):
        raise deadline_exceeded()
    return results


async def _streamed(reader: Reader, jobs: Sequence[Job], answer: _Answer) -> Response:
    """The answer in pieces, once all pictures were accepted: until then an error has its status."""
    async with AsyncExitStack() as stack:
        streams = []
        for job in jobs:
            stream = reader.stream(job)
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
        yield answer.event(answer.chunk({"role": "assistant", "content": ""}))
        results: list[Result] = []
        try:
            for number, stream in enumerate(streams):
                if number:
                    yield answer.event(answer.chunk({"content": BETWEEN_PICTURES}))
                async for piece in stream.pieces(PING_SECONDS):
                    if piece is None:
                        yield b": still reading\n\n"
                    else:
                        yield answer.event(answer.chunk({"content": piece}))
                assert stream.result is not None  # noqa: S101 - the pieces have ended
                results.append(stream.result)
        except PpocrvlError as error:
            told = api_error(error)
            record.errors.append(told.code)
            yield answer.event(told.to_dict())
            return
        yield answer.event(answer.last_chunk(results))
        if answer.wants_usage:
            yield answer.event(answer.usage_chunk(results))
        yield b"data: [DONE]\n\n"


class _Answer:
    """The objects of one completion."""

    def __init__(self, model: str, name: str, asked: ChatRequest) -> None:
        self._head = {"id": name, "created": int(time()), "model": model}
        self._logprobs = bool(asked.logprobs)
        self._tokens = bool(asked.tokens)
        self.wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)

    @staticmethod
    def event(values: dict[str, Any]) -> bytes:
        return f"data: {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()

    def whole(self, results: Sequence[Result]) -> dict[str, Any]:
        message = {
            "role": "assistant",
            "content": BETWEEN_PICTURES.join(result.text for result in results),
            "refusal": None,
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, **self._end(results)}],
            "usage": _usage(results),
            "ppocrvl": self._extension(results),
        }

    def chunk(self, delta: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    def last_chunk(self, results: Sequence[Result]) -> dict[str, Any]:
        return {
            **self.chunk({}, **self._end(results)),
            "ppocrvl": self._extension(results),
        }

    def usage_chunk(self, results: Sequence[Result]) -> dict[str, Any]:
        head = {**self._head, "object": "chat.completion.chunk"}
        return {**head, "choices": [], "usage": _usage(results)}

    def _end(self, results: Sequence[Result]) -> dict[str, Any]:
        reasons = [_FINISH_REASONS.get(result.finish_reason, "length") for result in results]
        logprobs = [entry for result in results for entry in _logprobs(result)]
        return {
            "logprobs": {"content": logprobs, "refusal": None} if self._logprobs else None,
            "finish_reason": "length" if "length" in reasons else "stop",
        }

    def _extension(self, results: Sequence[Result]) -> list[dict[str, Any]]:
        """What OpenAI's objects have no place for, a picture each."""
        return [result.to_dict(tokens=self._tokens) for result in results]


def _usage(results: Sequence[Result]) -> dict[str, Any]:
    prompt = sum(result.timings.prompt_tokens for result in results)
    answer = sum(result.timings.generated_tokens for result in results)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {
            "image_tokens": sum(result.timings.image_tokens for result in results)
        },
    }


def _logprobs(result: Result) -> list[dict[str, Any]]:
    """OpenAI's entries for the tokens of an answer."""
    text = result.text.encode()
    begins = (0, *result.token_ends)
    return [
        {
            "token": text[begin:end].decode("utf-8", "replace"),
            "logprob": logprob,
            "bytes": list(text[begin:end]),
            "top_logprobs": [],
        }
        for begin, end, logprob in zip(begins, result.token_ends, result.logprobs, strict=False)
    ]
