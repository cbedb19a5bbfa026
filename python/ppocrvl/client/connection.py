# SPDX-License-Identifier: Apache-2.0
"""HTTP to a server: one place for the address, the key, errors, and trying again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from ppocrvl import errors
from ppocrvl.client.loop_thread import LoopThread, outcome
from ppocrvl.support.closing import Closing
from ppocrvl.support.resources import thread_for

try:
    import httpx2
except ImportError as error:
    raise errors.MissingExtraError(
        'the client needs httpx2; install it with: pip install "ppocrvl[client]"'
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

KEY_VARIABLE = "PPOCRVL_API_KEY"
_AGAIN = {429, 503}
_REFUSED = {401, 403, 404, 405}
_LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5
_CONNECT_SECONDS = 10.0

T = TypeVar("T")
Event: TypeAlias = dict[str, Any]
Body: TypeAlias = "dict[str, Any] | Form"
"""What is sent: an object, as JSON, or a form."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form with files.

    Attributes:
        fields: texts by name.
        files: (name, content) of each; all are called `file` in the form.
        accept: media type of the answer.
    """

    fields: Mapping[str, str]
    files: Sequence[tuple[str, bytes]]
    accept: str


class LateError(errors.ServerError):
    """The deadline passed before the server had anything to answer."""


_OF_CODES: dict[str, type[errors.PpocrvlError]] = {
    "invalid_image": errors.ImageDecodeError,
    "invalid_document": errors.DocumentDamagedError,
    "document_encrypted": errors.DocumentEncryptedError,
    "document_too_large": errors.DocumentTooLargeError,
    "document_required": errors.DocumentEmptyError,
    "image_too_large": errors.ImageTooLargeError,
    "body_too_large": errors.ImageTooLargeError,
    "invalid_request": errors.OptionError,
    "image_required": errors.OptionError,
    "conversation_unsupported": errors.OptionError,
    "context_length_exceeded": errors.ContextError,
    "invalid_text": errors.InvalidTextError,
    "queue_full": errors.QueueFullError,
    "deadline_exceeded": LateError,
}
"""Errors of our own server as those that the engine raises."""


class Connection:
    """Requests to one server. Safe to use from several threads, and after a fork."""

    def __init__(self, url: str, api_key: str | None, timeout: float, retries: int) -> None:
        self.url = _checked_url(url)
        self._headers = _headers(api_key or os.environ.get(KEY_VARIABLE))
        self._timeout = httpx2.Timeout(timeout, connect=_CONNECT_SECONDS)
        self._retries = retries
        self._lock = threading.Lock()
        self._is_closed = False
        self._begin()

    def submit(self, task: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins a task that uses this connection; its future cancels it.

        Raises:
            ServerError: the connection is closed.
        """
        with self._lock:
            if self._process != os.getpid() and not self._is_closed:
                self._begin()  # the child of a fork has neither the thread nor sockets of its own
        return self._thread.submit(task)

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """What a task gives. A caller who is interrupted cancels it.

        Raises:
            CancelledError: the connection was closed meanwhile.
            ServerError: it was closed before.
        """
        return outcome(self.submit(task))

    async def get(self, path: str) -> dict[str, Any]:
        """The object at a path.

        Raises:
            ServerError: there is none.
        """
        async with self._answer("GET", path, None) as response:
            return await _object(response)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to an object.

        Raises:
            PpocrvlError: what the server answers instead.
        """
        async with self._answer("POST", path, body) as response:
            return await _object(response)

    def events(self, path: str, body: Body) -> Events:
        """The events that answer a body, once the server has begun to answer.

        They are server-sent events, or objects on lines of their own.

        Raises:
            PpocrvlError: what the server answers instead.
        """
        events: SimpleQueue[Event | Future[None]] = SimpleQueue()
        return Events(events, self.submit(self.each_event(path, body, events.put)))

    async def async_events(self, path: str, body: Body) -> AsyncEvents:
        """As `events`, for the event loop of the caller.

        Raises:
            As `events`.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | Future[None]] = asyncio.Queue()

        def put(event: Event | Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed, nobody waits
                loop.call_soon_threadsafe(events.put_nowait, event)

        task = self.submit(self.each_event(path, body, put))
        task.add_done_callback(put)  # after everything else
        answer = AsyncEvents(events, task)
        try:
            await anext(answer)  # that the answer has begun
        except BaseException:
            answer.close()
            raise
        return answer

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Has it done in one of the threads that prepare pictures; for tasks of this connection.

        Raises:
            EngineError: no thread can be started.
        """
        with thread_for("the image"):
            done = asyncio.get_running_loop().run_in_executor(self._thread.workers, work)
        return await done

    def close(self) -> None:
        """Cancel what runs, and end the connections."""
        self._is_closed = True
        self._thread.close()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._http = httpx2.AsyncClient(
            headers=self._headers,
            timeout=self._timeout,
            # `parallel` says how many: those that wait for a connection would count as silent
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self._thread = LoopThread(self._http.aclose)

    async def each_event(self, path: str, body: Body, put: Callable[[Event], None]) -> None:
        """Hands on each event that answers a body, after an empty one once the answer has begun.

        Raises:
            PpocrvlError: what the server answers instead, at once or later.
        """
        text_of = _line if isinstance(body, Form) else _server_sent
        async with self._answer("POST", path, body) as response:
            put({})  # the answer has begun
            try:
                async for line in response.aiter_lines():
                    text = text_of(line)
                    if not text:
                        continue
                    event = _parsed(text)
                    if _ends(event, of_pages=isinstance(body, Form)):
                        raise _error(event, 500)
                    put(event)
            except httpx2.HTTPError as error:
                raise errors.ServerError(f"{self.url} broke off its answer: {error}") from error

    @asynccontextmanager
    async def _answer(
        self, verb: str, path: str, body: Body | None
    ) -> AsyncIterator[httpx2.Response]:
        """A good answer, after as many attempts as it takes and is allowed."""
        for attempt in range(self._retries + 1):
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
            is_last = attempt == self._retries
            try:
                request = self._http.build_request(verb, self.url + path, **_sent(body))
                response = await self._http.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if is_last:
                    raise errors.ServerAccessError(
                        f"cannot reach {self.url}: {_reason(error)}; is the server running?"
                    ) from error
            except httpx2.HTTPError as error:
                raise errors.ServerError(f"{self.url} gave no answer: {_reason(error)}") from error
            else:
                try:
                    if response.status_code not in _AGAIN or is_last:
                        await _raise_for_status(response)
                        yield response
                        return
                    wait = _wanted_wait(response, wait)
                finally:
                    await response.aclose()
            await asyncio.sleep(wait)


def _sent(body: Body | None) -> dict[str, Any]:
    """A body as httpx takes it."""
    if not isinstance(body, Form):
        return {"json": body}
    files = [("file", (name, data, "application/octet-stream")) for name, data in body.files]
    return {"data": dict(body.fields), "files": files, "headers": {"accept": body.accept}}


def _server_sent(line: str) -> str:
    """The text of a server-sent event; nothing of a line that is none, or ends the stream."""
    kind, _, text = line.partition(":")
    text = text.strip()
    return "" if kind != "data" or text == "[DONE]" else text


def _line(line: str) -> str:
    """The text of an object on a line of its own."""
    return line.strip()


def _ends(event: Event, *, of_pages: bool) -> bool:
    """Whether this error ended the stream: that of a page is a text, or null, and did not."""
    return isinstance(event.get("error"), dict) if of_pages else "error" in event


class Events(Closing, Iterator[Event]):
    """Objects as a server sends them; `close`, from whatever thread, ends the request."""

    def __init__(self, events: SimpleQueue[Event | Future[None]], task: Future[None]) -> None:
        self._events = events
        self._task = task
        self._has_ended = False
        task.add_done_callback(events.put)  # after everything else
        try:
            next(self)  # that the answer has begun
        except BaseException:
            self.close()
            raise

    def __next__(self) -> Event:
        if self._has_ended:
            raise StopIteration
        event = self._events.get()
        if not isinstance(event, Future):
            return event
        self._has_ended = True
        outcome(event)
        raise StopIteration

    def close(self) -> None:
        """End the request if it still runs."""
        self._task.cancel()


class AsyncEvents(AsyncIterator[Event]):
    """As `Events`, for asyncio."""

    def __init__(self, events: asyncio.Queue[Event | Future[None]], task: Future[None]) -> None:
        self._events = events
        self._task = task
        self._has_ended = False

    async def __anext__(self) -> Event:
        if self._has_ended:
            raise StopAsyncIteration
        event = await self._events.get()
        if not isinstance(event, Future):
            return event
        self._has_ended = True
        outcome(event)
        raise StopAsyncIteration

    def close(self) -> None:
        """End the request if it still runs."""
        self._task.cancel()


def _checked_url(url: str) -> str:
    """The address without a slash and without /v1 at its end.

    Raises:
        OptionError: it is none.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(httpx2.URL(url).host)
    except (ValueError, TypeError, httpx2.InvalidURL):
        is_address = False
    if not is_address:
        raise errors.OptionError(f"a server's address is like http://127.0.0.1:8080, not {url!r}")
    return url.rstrip("/").removesuffix("/v1")


def _headers(key: str | None) -> dict[str, str]:
    """What says who asks.

    Raises:
        OptionError: the key cannot stand in a header.
    """
    key = (key or "").strip()
    if not (key.isascii() and key.replace(" ", "").isprintable()):
        raise errors.OptionError(
            f"the API key (api_key, or ${KEY_VARIABLE}) must be one line of ASCII characters"
        )
    return {"authorization": f"Bearer {key}"} if key else {}


def _wanted_wait(response: httpx2.Response, otherwise: float) -> float:
    """Seconds that the server wants us to wait."""
    wanted = response.headers.get("retry-after", "")
    return min(_LONGEST_WAIT, float(wanted)) if wanted.isdecimal() else otherwise


async def _raise_for_status(response: httpx2.Response) -> None:
    if response.is_success:
        return
    try:
        await response.aread()
        answer = _parsed(response.text)
    except (httpx2.HTTPError, errors.ServerError):
        answer = {}
    raise _error(answer, response.status_code)


async def _object(response: httpx2.Response) -> dict[str, Any]:
    try:
        await response.aread()
    except httpx2.HTTPError as error:
        raise errors.ServerError(f"the server broke off its answer: {_reason(error)}") from error
    return _parsed(response.text)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise errors.ServerError(f"the server's answer is no JSON object: {text[:80]!r}")
    return value


def _error(answer: dict[str, Any], status: int) -> errors.PpocrvlError:
    """The error that an answer tells of, as a class of ours."""
    error = answer.get("error")
    if not isinstance(error, dict):
        # our own /health has a reason in place of an error
        error = {"message": str(error or answer.get("reason") or "no reason given")}
    kind = _OF_CODES.get(str(error.get("code")))
    message = str(error.get("message"))
    if kind is not None:
        return kind(message)
    kind = errors.ServerAccessError if status in _REFUSED else errors.ServerError
    return kind(f"the server answered with status {status}: {message}")


def _reason(error: Exception) -> str:
    """What went wrong; time limits have no message."""
    return str(error) or type(error).__name__
