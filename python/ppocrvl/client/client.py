# SPDX-License-Identifier: Apache-2.0
"""The client: the same methods as an engine, on a server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from ppocrvl.client.connection import Connection, LateError
from ppocrvl.client.loop_thread import outcome
from ppocrvl.client.request import Question, ServerModel, server_model
from ppocrvl.engine.retries import Attempts
from ppocrvl.errors import PpocrvlError, ServerError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import load_image
from ppocrvl.requests.options import RequestOptions, check_int, check_number
from ppocrvl.requests.tasks import find_task
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import Future

    from ppocrvl.client.connection import Events
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.results import Outcome, Result

_PATH = "/v1/chat/completions"
T = TypeVar("T")


class Client(Closing):
    """Reads pictures on an OpenAI-compatible server: ours, llama-server, vLLM and others.

    It has the methods of an `Engine` that read, with the same options and results. Servers other
    than ours know less: pictures are resized here, results have no timings, and a confidence only
    where the server gives log-probabilities; `deadline`, `utf8` and `stop_loops` are not known
    there. `grammar` and `priority` cannot be asked of any server, and ours reads no conversation
    without a picture, nor one with a system message. Safe to use from several threads, and in a
    child after a fork.

    Args:
        url: of the server, like http://127.0.0.1:8080; with or without /v1.
        api_key: None for that of the environment variable PPOCRVL_API_KEY, if there is one.
        model: name on the server; None for the first that it lists.
        parallel: requests that `ocr_many` sends at once, 1 to 1024.
        timeout: seconds that the server may be silent.
        retries: how often a request is sent again after 429, 503, or where there is no connection.

    Raises:
        OptionError: an option is out of range.
        MissingExtraError: httpx2 is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        parallel: int = 4,
        timeout: float = 600.0,
        retries: int = 5,
    ) -> None:
        check_int("parallel", parallel, 1, 1024)
        check_int("retries", retries, 0, 1000)
        self._connection = Connection(
            url, api_key, check_number("timeout", timeout, 0.001, 1e6), retries
        )
        self._name = model
        self._parallel = parallel
        self._model: ServerModel | None = None

    @property
    def url(self) -> str:
        """The server."""
        return self._connection.url

    @property
    def model(self) -> ServerModel:
        """What the server says of its model; asked for once.

        Raises:
            ServerError: it cannot be reached, or lists none.
        """
        return self._connection.run(self._ask_model())

    def ocr(self, image: ImageSource | None, **options: Unpack[ReadOptions]) -> Result:
        """Read one picture, as `Engine.ocr`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            CancelledError: the client was closed meanwhile.
            PpocrvlError: as `Engine.ocr`.
        """
        return self._connection.run(self._read(image, RequestOptions(**options)))

    def stream(self, image: ImageSource | None, **options: Unpack[ReadOptions]) -> RemoteStream:
        """Read one picture and give the text as it comes, as `Engine.stream`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            PpocrvlError: as `Engine.stream`.
        """
        asked = RequestOptions(**options)
        question = self._connection.run(self._question(image, asked))
        return RemoteStream(self._connection, question)

    def ocr_many(
        self, images: Iterable[ImageSource], **options: Unpack[ReadOptions]
    ) -> Generator[Outcome]:
        """Read many pictures, several at once, as `Engine.ocr_many`.

        Closing the generator, or dropping it, cancels what runs.

        Yields:
            For each picture in its order the result, or the error as a value.

        Raises:
            ServerError: the server cannot be reached.
            OptionError: an option is out of range.
        """
        asked = RequestOptions(**options)
        find_task(asked.task, self.model.version)
        return self._many(iter(images), asked)

    def close(self) -> None:
        """Cancel what runs, and end the connections. The client cannot be used afterwards."""
        self._connection.close()

    def _many(self, images: Iterator[ImageSource], asked: RequestOptions) -> Generator[Outcome]:
        at_once = asyncio.Semaphore(self._parallel)

        async def read(image: ImageSource) -> Outcome:
            async with at_once:
                try:
                    return await self._read(image, asked)
                except PpocrvlError as error:
                    return error

        waiting: deque[Future[Outcome]] = deque()
        try:
            for image in images:
                waiting.append(self._connection.submit(read(image)))
                if len(waiting) > self._parallel:
                    yield outcome(waiting.popleft())
            while waiting:
                yield outcome(waiting.popleft())
        finally:
            for task in waiting:
                task.cancel()

    async def _read(self, image: ImageSource | None, first: RequestOptions) -> Result:
        attempts = Attempts(first)
        if first.retry is not None and image is not None:  # a file gives only once
            image = await asyncio.to_thread(load_image, image, max_image_pixels=MAX_IMAGE_PIXELS)
        asked: RequestOptions | None = first
        while asked is not None:
            asked = attempts.next(await self._answer(await self._question(image, asked)))
        return attempts.best()

    async def _question(self, image: ImageSource | None, asked: RequestOptions) -> Question:
        model = await self._ask_model()
        return await asyncio.to_thread(Question, image, asked, model)

    async def _answer(self, question: Question) -> Result:
        try:
            answer = await self._connection.post(_PATH, question.body(stream=False))
        except LateError:
            return question.late()
        choice = _choice(answer)
        if "message" not in choice:
            raise ServerError("the server's answer has no message; is it OpenAI-compatible?")
        return question.result(_text(choice, "message"), choice, answer)

    async def _ask_model(self) -> ServerModel:
        if self._model is None:
            model = server_model(await self._connection.get("/v1/models"), self._name)
            if model.loading:
                await self._connection.get("/health")  # 503 until it is loaded: tried again
                model = server_model(await self._connection.get("/v1/models"), self._name)
            self._model = model
        return self._model


class RemoteStream(Closing, Iterator[str]):
    """Pieces of text as they come. Iterate it; afterwards `result` holds the whole answer.

    Closing it, also from another thread, or dropping it ends the request.
    """

    _events: Events | None = None

    def __init__(self, connection: Connection, question: Question) -> None:
        self._question = question
        self._text: list[str] = []
        self._entries: list[Any] = []
        self._last: dict[str, Any] = {}
        self._answer: dict[str, Any] = {}
        self._result: Result | None = None
        try:
            self._events = connection.events(_PATH, question.body(stream=True))
        except LateError:
            self._result = question.late()

    def __next__(self) -> str:
        if self._result is not None:
            raise StopIteration
        for event in self._events or ():
            piece = self._take(event)
            if piece:
                return piece
        if not self._last:
            raise ServerError("the server ended its stream without a reason")
        self._last["logprobs"] = {"content": self._entries}
        self._result = self._question.result("".join(self._text), self._last, self._answer)
        raise StopIteration

    def wait(self) -> Result:
        """The whole answer, once it is there.

        Raises:
            CancelledError: the stream was closed before its end.
            PpocrvlError: the server failed.
        """
        for _ in self:
            pass
        return self.result

    @property
    def result(self) -> Result:
        """The whole answer; there once the pieces have ended.

        Raises:
            ServerError: the pieces have not ended yet.
        """
        if self._result is None:
            raise ServerError("the stream has not ended; take all of its pieces, or call wait()")
        return self._result

    def close(self) -> None:
        """End the request if it still runs."""
        if self._events is not None:
            self._events.close()

    def __del__(self) -> None:
        self.close()

    def _take(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        self._answer |= {name: event[name] for name in ("usage", "ppocrvl") if event.get(name)}
        if not event.get("choices"):
            return ""
        choice = _choice(event)
        self._entries += _part(_part(choice, "logprobs", dict), "content", list)
        if choice.get("finish_reason"):
            self._last = choice
        text = self._question.clean(_text(choice, "delta"))
        self._text.append(text)
        return text


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ServerError("the server's answer has no choices; is it OpenAI-compatible?")
    return choices[0]


def _text(choice: dict[str, Any], name: str) -> str:
    """The text of a message, or of a piece of one."""
    return _part(_part(choice, name, dict), "content", str)


def _part(values: dict[str, Any], name: str, kind: type[T]) -> T:
    """What stands under this name; an empty one if there is none."""
    value = values.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ServerError(f"the server's answer has {value!r:.80} for its {name}")
    return value
