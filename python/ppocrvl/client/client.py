# SPDX-License-Identifier: Apache-2.0
"""The client: the same methods as an engine, on a server."""

from __future__ import annotations

import asyncio
import os
import warnings
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from ppocrvl.client.completion import choice_of, text_of
from ppocrvl.client.connection import Connection, LateError
from ppocrvl.client.loop_thread import awaited
from ppocrvl.client.parse_calls import ParseCalls
from ppocrvl.client.request import Question, ServerModel, check_askable, server_model
from ppocrvl.client.streams import AsyncRemoteStream, RemoteStream, StreamedAnswer
from ppocrvl.engine.answers import Answer
from ppocrvl.engine.many import async_outcomes, outcomes
from ppocrvl.engine.retries import Attempts
from ppocrvl.errors import CancelledError, OptionError, PpocrvlError, ServerError
from ppocrvl.images.keep import kept, repeatable, stays
from ppocrvl.requests.options import RequestOptions, check_int, check_number
from ppocrvl.requests.request import Request, next_about
from ppocrvl.requests.tasks import find_task
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
    from contextlib import AbstractAsyncContextManager

    from ppocrvl.engine.many import Item
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.results import Outcome, Result

_PATH = "/v1/chat/completions"


class Client(ParseCalls, Closing):
    """Reads images on an OpenAI-compatible server: `ppocrvl serve`, llama-server, vLLM and others.

    It has the methods of an `Engine`, with the same options and results, and reads documents. What
    a server cannot do raises OptionError. No server supports `grammar` and `priority`. `ppocrvl
    serve` does not support conversations without an image or with a system message.

    Other servers support less. Images are resized by the client. Results have no timings, and have
    a confidence only if the server returns log-probabilities. `deadline`, `utf8` and `stop_loops`
    are not supported.

    A client can be used from several threads, and in a child process after a fork.

    Args:
        url: address of the server, such as http://127.0.0.1:8080; with or without /v1.
        api_key: None for the value of the environment variable PPOCRVL_API_KEY, if it is set.
        model: name of the model on the server; None for the first one that the server lists.
        n_parallel: number of requests that `ocr_many`, `aocr_many` and `submit` send at once, 1 to
            1024.
        timeout: seconds without data from the server after which a request fails.
        retries: how often a request is sent again after 429, 503, or a failed connection.

    Attributes:
        n_parallel: as given.

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
        n_parallel: int = 4,
        timeout: float = 600.0,
        retries: int = 5,
        parallel: int | None = None,
    ) -> None:
        if parallel is not None:
            warnings.warn(
                "Client() takes n_parallel, as Engine() does; parallel will go",
                DeprecationWarning,
                stacklevel=2,
            )
            n_parallel = parallel
        check_int("n_parallel", n_parallel, 1, 1024)
        check_int("retries", retries, 0, 1000)
        self._connection = Connection(
            url, api_key, check_number("timeout", timeout, 0.001, 1e6), retries
        )
        self._name = model
        self.n_parallel = n_parallel
        self._model: ServerModel | None = None
        self._places: tuple[int, asyncio.Semaphore] | None = None

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._connection.url

    @property
    def model(self) -> ServerModel:
        """The model as the server describes it; requested once.

        Raises:
            ServerError: the server cannot be reached, or lists no model.
        """
        return self._connection.run(self._ask_model())

    def ocr(self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]) -> Result:
        """Read one image, like `Engine.ocr`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            CancelledError: the client was closed meanwhile.
            PpocrvlError: as `Engine.ocr`.
        """
        return self._connection.run(self._read(Request.of(image, options)))

    def stream(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> RemoteStream:
        """Read one image and yield the text as it is generated, like `Engine.stream`.

        Raises:
            ServerError: the server cannot be reached, or failed.
            PpocrvlError: as `Engine.stream`.
        """
        question = self._connection.run(self._question(Request.of(image, options)))
        answer = StreamedAnswer(question)
        try:
            events = self._connection.events(_PATH, question.body(stream=True))
        except LateError:
            answer.be_late()
            return RemoteStream(answer, None)
        return RemoteStream(answer, events)

    def ocr_many(
        self,
        images: Iterable[Item],
        *,
        ordered: bool = True,
        **options: Unpack[ReadOptions],
    ) -> Generator[Outcome]:
        """Read many images, several at once, like `Engine.ocr_many`.

        `n_parallel` + 2 images are taken before the first outcome is yielded, and are prepared in
        up to 4 threads. Closing or dropping the generator cancels running requests.

        Args:
            images: as for `Engine.ocr_many`.
            ordered: likewise.
            options: likewise.

        Yields:
            For each image the result, or the error as a value, with `index` and `tag`.

        Raises:
            ServerError: the server cannot be reached.
            CancelledError: the client was closed meanwhile.
            OptionError: an option is out of range.
        """
        find_task(RequestOptions(**options).task, self.model.version)
        at_once = asyncio.Semaphore(self.n_parallel)

        def begin(item: Item) -> Future[Result]:
            try:
                request = kept(Request.of_many(item, options))
            except PpocrvlError as error:
                failed: Future[Result] = Future()
                failed.set_exception(error)
                return failed
            return self._connection.submit(self._read(request, at_once))

        return outcomes(images, begin, at_once=self.n_parallel, ordered=ordered)

    def submit(
        self,
        image: ImageSource | Request | None,
        *,
        wait: bool = True,
        **options: Unpack[ReadOptions],
    ) -> Answer:
        """Read one image in the background, like `Engine.submit`.

        `n_parallel` requests are prepared and sent at once; the others wait.

        Raises:
            OptionError: an option is out of range, or no server supports it, such as `wait=False`.
                To get an error if the server's queue is full, use `Client(retries=0)`.
            ImageError: a file, an array or a Pillow image is invalid.
            ServerError: the client is closed.
        """
        request = Request.of(image, options)
        if not wait:
            raise OptionError("wait=False cannot be asked of a server; use Client(retries=0)")
        check_askable(request)
        task = self._connection.submit(self._read_in_place(kept(request)))
        answer = RemoteAnswer()
        answer.follow(task)
        task.add_done_callback(answer.take)
        return answer

    async def aocr(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> Result:
        """Like `ocr`, for asyncio. Cancelling the task cancels the request.

        Raises:
            PpocrvlError: as `ocr`.
        """
        return await awaited(self._connection.submit(self._read(Request.of(image, options))))

    def aocr_many(
        self,
        images: Iterable[Item] | AsyncIterable[Item],
        *,
        ordered: bool = True,
        **options: Unpack[ReadOptions],
    ) -> AsyncGenerator[Outcome]:
        """Like `ocr_many`, for asyncio; `images` may also be an asynchronous iterable.

        Outcomes are yielded even while the next image is awaited. If the server's model does not
        support a task, each image gets this error as its outcome.

        Yields:
            Outcomes, as `ocr_many`.

        Raises:
            PpocrvlError: as `ocr_many`.
        """
        RequestOptions(**options)  # now, not with the first picture
        at_once = asyncio.Semaphore(self.n_parallel)

        async def keep(item: Item) -> Item:
            request = Request.of_many(item, options)
            if stays(request):
                return request
            keeping = self._connection.in_thread(partial(kept, request))
            return await awaited(self._connection.submit(keeping))

        async def read(item: Item) -> Result:
            reading = self._read(Request.of_many(item, options), at_once)
            return await awaited(self._connection.submit(reading))

        return async_outcomes(images, read, keep=keep, at_once=self.n_parallel, ordered=ordered)

    async def astream(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> AsyncRemoteStream:
        """Like `stream`, for asyncio: `async for piece in await client.astream(image)`.

        Raises:
            PpocrvlError: as `stream`.
        """
        question = await awaited(
            self._connection.submit(self._question(Request.of(image, options)))
        )
        answer = StreamedAnswer(question)
        try:
            events = await self._connection.async_events(_PATH, question.body(stream=True))
        except LateError:
            answer.be_late()
            return AsyncRemoteStream(answer, None)
        return AsyncRemoteStream(answer, events)

    def check(self) -> None:
        """Check that the server answers.

        Raises:
            ServerError: the server does not answer.
        """
        self._connection.run(self._connection.get("/v1/models"))

    def embed(self, *_: object, **__: object) -> NoReturn:
        """Not supported: servers cannot do this.

        Raises:
            OptionError: always.
        """
        raise _engine_only("embed")

    def trace(self, *_: object, **__: object) -> NoReturn:
        """Not supported: servers cannot do this.

        Raises:
            OptionError: always.
        """
        raise _engine_only("trace")

    def prompt_tokens(self, *_: object, **__: object) -> NoReturn:
        """Not supported: servers cannot do this.

        Raises:
            OptionError: always.
        """
        raise _engine_only("prompt_tokens")

    def close(self) -> None:
        """Cancel running requests and close the connections. The client is then unusable."""
        self._connection.close()

    async def _read_in_place(self, request: Request) -> Result:
        """As `_read`, when one of `n_parallel` places is free."""
        if self._places is None or self._places[0] != os.getpid():
            self._places = (
                os.getpid(),
                asyncio.Semaphore(self.n_parallel),
            )  # a fork has its own loop
        async with self._places[1]:
            return await self._read(request)

    async def _read(
        self, request: Request, place: AbstractAsyncContextManager[Any] | None = None
    ) -> Result:
        """The best answer. Pictures are prepared before they have a place, and sent in order."""
        attempts = Attempts(request)
        preparing = asyncio.create_task(self._prepare(request))
        try:
            async with place or nullcontext():
                loaded, question = await preparing
                return await self._best(attempts, loaded, question)
        finally:
            preparing.cancel()
            if preparing.done() and not preparing.cancelled():
                preparing.exception()  # taken note of, whether or not it was waited for

    async def _prepare(self, request: Request) -> tuple[Request, Question]:
        """The request, with a picture that can be read again if need be, and what to ask first."""
        if request.retry is not None:
            request = await self._connection.in_thread(partial(repeatable, request))
        return request, await self._question(request)

    async def _best(self, attempts: Attempts[Request], loaded: Request, first: Question) -> Result:
        question: Question | None = first
        asked: Request | None = loaded
        while asked is not None:
            try:
                result = await self._answer(question or await self._question(asked))
            except PpocrvlError as error:
                asked = next_about(loaded, attempts.fail(error))
            else:
                asked = next_about(loaded, attempts.next(result))
            question = None
        return attempts.best()

    async def _question(self, request: Request) -> Question:
        model = await self._ask_model()
        return await self._connection.in_thread(partial(Question, request, model))

    async def _answer(self, question: Question) -> Result:
        try:
            answer = await self._connection.post(_PATH, question.body(stream=False))
        except LateError:
            return question.late()
        choice = choice_of(answer)
        if "message" not in choice:
            raise ServerError("the server's answer has no message; is it OpenAI-compatible?")
        return question.result(text_of(choice, "message"), choice, answer)

    async def _ask_model(self) -> ServerModel:
        if self._model is None:
            model = server_model(await self._connection.get("/v1/models"), self._name)
            if model.loading:
                await self._connection.get("/health")  # 503 until it is loaded: tried again
                model = server_model(await self._connection.get("/v1/models"), self._name)
            self._model = model
        return self._model


class RemoteAnswer(Answer):
    """The answer of a server, as a future."""

    def stop(self) -> NoReturn:
        """Not of a server, which gives an answer as a whole or in pieces.

        Raises:
            OptionError: always.
        """
        raise OptionError("a server does not give what was read so far; use stream, or cancel()")

    def take(self, task: Future[Result]) -> None:
        """Takes the outcome of the task that it follows."""
        if task.cancelled():
            self.fail(CancelledError("the client was closed before the answer was there"))
        elif (error := task.exception()) is not None:
            self.fail(error)
        else:
            self.settle(task.result())


def _engine_only(method: str) -> OptionError:
    return OptionError(f"{method} cannot be asked of a server; use an Engine")
