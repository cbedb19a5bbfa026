# SPDX-License-Identifier: Apache-2.0
"""HTTP to a server: one place for the address, the key, errors, and trying again."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ppocrvl import errors

try:
    import httpx2
except ImportError as error:
    raise errors.MissingExtraError(
        "the client needs httpx2; install it with: pip install '.[client]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_VARIABLE = "PPOCRVL_API_KEY"
_AGAIN = {429, 503}
_LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5
_CONNECT_SECONDS = 10.0

_OF_CODES: dict[str, type[errors.PpocrvlError]] = {
    "invalid_image": errors.ImageDecodeError,
    "image_too_large": errors.ImageTooLargeError,
    "invalid_request": errors.OptionError,
    "context_length_exceeded": errors.ContextError,
    "invalid_text": errors.InvalidTextError,
    "queue_full": errors.QueueFullError,
}
"""Errors of our own server as those that the engine raises."""


class Connection:
    """Requests to one server. Safe to use from several threads."""

    def __init__(self, url: str, api_key: str | None, timeout: float, retries: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise errors.OptionError(
                f"a server's address is like http://127.0.0.1:8080, not {url!r}"
            )
        self.url = url.rstrip("/").removesuffix("/v1")
        self._retries = retries
        key = api_key or os.environ.get(KEY_VARIABLE)
        self._http = httpx2.Client(
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(timeout, connect=_CONNECT_SECONDS),
        )

    def get(self, path: str) -> dict[str, Any]:
        """The object at a path.

        Raises:
            ServerError: there is none.
        """
        with self._answer("GET", path, None) as response:
            return _object(response)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to an object.

        Raises:
            PpocrvlError: what the server answers instead.
        """
        with self._answer("POST", path, body) as response:
            return _object(response)

    @contextmanager
    def events(self, path: str, body: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """The server-sent events that answer an object.

        Raises:
            PpocrvlError: what the server answers instead.
        """
        with self._answer("POST", path, body) as response:
            yield self._events(response)

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def _events(self, response: httpx2.Response) -> Iterator[dict[str, Any]]:
        try:
            for line in response.iter_lines():
                kind, _, text = line.partition(":")
                text = text.strip()
                if kind != "data" or text == "[DONE]":
                    continue
                event = _parsed(text)
                if "error" in event:
                    raise _error(event, 500)
                yield event
        except httpx2.HTTPError as error:
            raise errors.ServerError(f"{self.url} broke off its answer: {error}") from error

    @contextmanager
    def _answer(
        self, verb: str, path: str, body: dict[str, Any] | None
    ) -> Iterator[httpx2.Response]:
        """A good answer, after as many attempts as it takes and is allowed."""
        for attempt in range(self._retries + 1):
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
            is_last = attempt == self._retries
            try:
                request = self._http.build_request(verb, self.url + path, json=body)
                response = self._http.send(request, stream=True)
            except httpx2.ConnectError as error:
                if is_last:
                    raise errors.ServerError(
                        f"cannot reach {self.url}: {error}; is the server running?"
                    ) from error
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise errors.ServerError(f"{self.url} gave no answer: {error}") from error
            else:
                try:
                    if response.status_code not in _AGAIN or is_last:
                        _raise_for_status(response)
                        yield response
                        return
                    wait = _wanted_wait(response, wait)
                finally:
                    response.close()
            time.sleep(wait)


def _wanted_wait(response: httpx2.Response, otherwise: float) -> float:
    """Seconds that the server wants us to wait."""
    wanted = response.headers.get("retry-after", "")
    return min(_LONGEST_WAIT, float(wanted)) if wanted.isdecimal() else otherwise


def _raise_for_status(response: httpx2.Response) -> None:
    if response.is_success:
        return
    try:
        response.read()
        answer = response.json()
    except (httpx2.HTTPError, ValueError):
        answer = {}
    raise _error(answer if isinstance(answer, dict) else {}, response.status_code)


def _object(response: httpx2.Response) -> dict[str, Any]:
    try:
        response.read()
    except httpx2.HTTPError as error:
        raise errors.ServerError(f"the server broke off its answer: {error}") from error
    return _parsed(response.text)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise errors.ServerError(f"the server's answer is no JSON object: {text[:80]!r}")
    return value


def _error(answer: dict[str, Any], status: int) -> errors.PpocrvlError:
    """The error that an answer tells of, as a class of ours."""
    error = answer.get("error")
    if not isinstance(error, dict):
        error = {"message": str(error or "no reason given")}
    kind = _OF_CODES.get(str(error.get("code")))
    message = str(error.get("message"))
    if kind is not None:
        return kind(message)
    return errors.ServerError(f"the server answered with status {status}: {message}")
