# SPDX-License-Identifier: Apache-2.0
"""The client: the same methods as an engine, on a server."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Unpack

from ppocrvl.client.connection import Connection
from ppocrvl.client.request import Question, ServerModel, server_model
from ppocrvl.closing import Closing
from ppocrvl.errors import PpocrvlError, ServerError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import ImageSource, load_image
from ppocrvl.options import RequestOptions, check_int, check_number
from ppocrvl.retries import Attempts
from ppocrvl.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import Future

    from ppocrvl.engine import Outcome
    from ppocrvl.options import ReadOptions
    from ppocrvl.results import Result

_PATH = "/v1/chat/completions"


class Client(Closing):
    """Reads pictures on an OpenAI-compatible server: ours, llama-server, vLLM and others.

    It has the methods of an `Engine` that read, with the same options and results. Servers other
    than ours know less: pictures are resized here, results have no timings, and a confidence only
    where the server gives log-probabilities; `deadline`, `utf8` and `stop_loops` are not known
    there. `grammar` and `priority` cannot be asked of any server. Safe to use from several threads.

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
        self._lock = threading.Lock()
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
        with self._lock:
            if self._model is None:
                self._model = server_model(self._connection.get("/v1/models"), self._name)
            return self._model

    def ocr(self, image: ImageSource, **options: Unpack[ReadOptions]) -> Result:
        """Read one picture, as `Engine.ocr`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            PpocrvlError: as `Engine.ocr`.
        """
        first = RequestOptions(**options)
        attempts = Attempts(first)
        if first.retry is not None:
            image = load_image(image, max_image_pixels=MAX_IMAGE_PIXELS)  # a file gives only once
        asked: RequestOptions | None = first
        while asked is not None:
            question = Question(image, asked, self.model)
            answer = self._connection.post(_PATH, question.body(stream=False))
            choice = _choice(answer)
            text = (choice.get("message") or {}).get("content") or ""
            asked = attempts.next(question.result(str(text), choice, answer))
        return attempts.best()

    def stream(self, image: ImageSource, **options: Unpack[ReadOptions]) -> RemoteStream:
        """Read one picture and give the text as it comes, as `Engine.stream`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            PpocrvlError: as `Engine.stream`.
        """
        question = Question(image, RequestOptions(**options), self.model)
        return RemoteStream(self._connection, question)

    def ocr_many(
        self, images: Iterable[ImageSource], **options: Unpack[ReadOptions]
    ) -> Generator[Outcome]:
        """Read many pictures, several at once, as `Engine.ocr_many`.

        Yields:
            For each picture in its order the result, or the error as a value.

        Raises:
            ServerError: the server cannot be reached.
            OptionError: an option is out of range.
        """
        find_task(RequestOptions(**options).task, self.model.version)
        return self._many(iter(images), options)

    def close(self) -> None:
        """End the connections. The client cannot be used afterwards."""
        self._connection.close()

    def _many(self, images: Iterator[ImageSource], options: ReadOptions) -> Generator[Outcome]:
        def read(image: ImageSource) -> Outcome:
            try:
                return self.ocr(image, **options)
            except PpocrvlError as error:
                return error

        pool = ThreadPoolExecutor(self._parallel, "ppocrvl-client")
        waiting: deque[Future[Outcome]] = deque()
        try:
            for image in images:
                waiting.append(pool.submit(read, image))
                if len(waiting) > self._parallel:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class RemoteStream(Closing, Iterator[str]):
    """Pieces of text as they come. Iterate it; afterwards `result` holds the whole answer."""

    def __init__(self, connection: Connection, question: Question) -> None:
        self._question = question
        self._stack = ExitStack()
        self._events = self._stack.enter_context(
            connection.events(_PATH, question.body(stream=True))
        )
        self._text: list[str] = []
        self._entries: list[Any] = []
        self._last: dict[str, Any] = {}
        self._answer: dict[str, Any] = {}
        self._result: Result | None = None

    def __next__(self) -> str:
        if self._result is not None:
            raise StopIteration
        for event in self._events:
            piece = self._take(event)
            if piece:
                return piece
        self.close()
        if not self._last:
            raise ServerError("the server ended its stream without a reason")
        self._last["logprobs"] = {"content": self._entries}
        self._result = self._question.result("".join(self._text), self._last, self._answer)
        raise StopIteration

    def wait(self) -> Result:
        """The whole answer, once it is there.

        Raises:
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
        """End the connection, which cancels the request if it still runs."""
        self._stack.close()

    def _take(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        self._answer |= {name: event[name] for name in ("usage", "ppocrvl") if event.get(name)}
        if not event.get("choices"):
            return ""
        choice = _choice(event)
        self._entries += (choice.get("logprobs") or {}).get("content") or []
        if choice.get("finish_reason"):
            self._last = choice
        text = self._question.clean(str((choice.get("delta") or {}).get("content") or ""))
        self._text.append(text)
        return text


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ServerError("the server's answer has no choices; is it OpenAI-compatible?")
    return choices[0]
