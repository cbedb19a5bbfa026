# SPDX-License-Identifier: Apache-2.0
"""Answers of a server as they come: for callers that wait, and for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from ppocrvl.client.completion import choice_of, part_of, text_of
from ppocrvl.errors import ServerError
from ppocrvl.support.closing import AsyncClosing, Closing

if TYPE_CHECKING:
    from ppocrvl.client.connection import AsyncEvents, Events
    from ppocrvl.client.request import Question
    from ppocrvl.requests.results import Result


class StreamedAnswer:
    """What has come of an answer so far."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._text: list[str] = []
        self._entries: list[Any] = []
        self._last: dict[str, Any] = {}
        self._more: dict[str, Any] = {}
        self._result: Result | None = None

    def take(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        self._more |= {name: event[name] for name in ("usage", "ppocrvl") if event.get(name)}
        if not event.get("choices"):
            return ""
        choice = choice_of(event)
        self._entries += part_of(part_of(choice, "logprobs", dict), "content", list)
        if choice.get("finish_reason"):
            self._last = choice
        text = self._question.clean(text_of(choice, "delta"))
        self._text.append(text)
        return text

    def end(self) -> None:
        """There are no more events.

        Raises:
            ServerError: there should be.
        """
        if not self._last:
            raise ServerError("the server ended its stream without a reason")
        self._last["logprobs"] = {"content": self._entries}
        self._result = self._question.result("".join(self._text), self._last, self._more)

    def be_late(self) -> None:
        """The deadline passed before there was an event."""
        self._result = self._question.late()

    @property
    def is_whole(self) -> bool:
        """Whether `result` is there."""
        return self._result is not None

    @property
    def result(self) -> Result:
        """The whole answer.

        Raises:
            ServerError: it has not ended yet.
        """
        if self._result is None:
            raise ServerError("the stream has not ended; take all of its pieces, or call wait()")
        return self._result


class RemoteStream(Closing, Iterator[str]):
    """Pieces of text as they are generated. After iterating, `result` has the answer.

    Closing it, also from another thread, or dropping it cancels the request.

    Args:
        answer: collects the pieces.
        events: None if the answer is already complete.
    """

    def __init__(self, answer: StreamedAnswer, events: Events | None) -> None:
        self._answer = answer
        self._events = events

    def __next__(self) -> str:
        if self._answer.is_whole:
            raise StopIteration
        for event in self._events or ():
            if piece := self._answer.take(event):
                return piece
        self._answer.end()
        raise StopIteration

    def wait(self) -> Result:
        """Wait for the whole answer.

        Raises:
            CancelledError: the stream was closed before its end.
            PpocrvlError: the server failed.
        """
        for _ in self:
            pass
        return self.result

    @property
    def result(self) -> Result:
        """The whole answer; available after the last piece.

        Raises:
            ServerError: the last piece was not yet consumed.
        """
        return self._answer.result

    def close(self) -> None:
        """Cancel the request if it is still running."""
        if self._events is not None:
            self._events.close()

    def __del__(self) -> None:
        self.close()


class AsyncRemoteStream(AsyncClosing, AsyncIterator[str]):
    """Like `RemoteStream`, for asyncio. Leaving its `async with` block cancels the request."""

    def __init__(self, answer: StreamedAnswer, events: AsyncEvents | None) -> None:
        self._answer = answer
        self._events = events

    async def __anext__(self) -> str:
        if self._answer.is_whole or self._events is None:
            raise StopAsyncIteration
        async for event in self._events:
            if piece := self._answer.take(event):
                return piece
        self._answer.end()
        raise StopAsyncIteration

    async def wait(self) -> Result:
        """Wait for the whole answer.

        Raises:
            PpocrvlError: as `RemoteStream.wait`.
        """
        async for _ in self:
            pass
        return self.result

    @property
    def result(self) -> Result:
        """The whole answer; available after the last piece.

        Raises:
            ServerError: the last piece was not yet consumed.
        """
        return self._answer.result

    async def aclose(self) -> None:
        """Cancel the request if it is still running."""
        if self._events is not None:
            self._events.close()

    def __del__(self) -> None:
        if self._events is not None:
            self._events.close()
