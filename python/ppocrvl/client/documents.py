# SPDX-License-Identifier: Apache-2.0
"""Documents as our own server gets them, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import PurePath
from typing import TYPE_CHECKING

from ppocrvl.client.connection import Form
from ppocrvl.client.request import png
from ppocrvl.document.document import Document, Page
from ppocrvl.document.read_values import read_page
from ppocrvl.errors import DocumentError, OptionError, ServerError
from ppocrvl.images.load import load_image
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.sources.found import find_documents
from ppocrvl.parsing.sources.opening import file_bytes, name_of
from ppocrvl.requests.options import RequestOptions, Retry
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ppocrvl.client.connection import Event, Events
    from ppocrvl.document.types import PageData
    from ppocrvl.parsing.parse_options import ParseKeywords
    from ppocrvl.parsing.sources.found import AnySource, Found

PARSE_PATH = "/v1/parse"
_NDJSON = "application/x-ndjson"
_NOT_SENT = ("grammar", "priority", "logit_bias", "stop")
"""Options of requests that a server cannot be asked for with a document."""
_OF_REQUESTS = (
    *("max_tokens", "min_pixels", "max_pixels", "keep_location_tokens", "deadline"),
    *("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "utf8"),
    "stop_loops",
)
_DEADLINES = ("deadline", "page_deadline")
_SHORTEST_DEADLINE, _LONGEST_DEADLINE = 1e-3, 86_400.0
"""Seconds that a server takes."""


class DocumentQuestion:
    """A document as a server gets it. Files are read when `form` is asked for.

    Args:
        source: as `ppocrvl.parse` takes it.
        options: likewise.
        layout: "none" reads each page as one block; None: the server's layout model finds them.
        page_images: have an image of each page, for formats that show it.

    Raises:
        DocumentError: there is no document.
        OptionError: an option is out of range, or one that a server cannot be asked for.
    """

    def __init__(
        self,
        source: AnySource | Found,
        options: ParseKeywords,
        *,
        layout: str | None = None,
        page_images: bool = False,
    ) -> None:
        if layout not in {None, "none"}:
            raise OptionError(
                f"layout {layout!r}: a server has a layout model of its own; leave it out, or none"
            )
        self._fields = _texts(ParseOptions.of(options))
        self._fields["pictures"] = "true"
        if layout is not None:
            self._fields["layout"] = layout
        if page_images:
            self._fields["page_images"] = "true"
        self._found = find_documents(source)
        self.name = name_of(self._found)

    def form(self) -> Form:
        """What is sent. Of a path its last part alone.

        Raises:
            DocumentError: a file cannot be read.
            ImageError: likewise, of an array or a Pillow image.
        """
        return Form(
            self._fields, [(_last_part(one.name), _bytes(one)) for one in self._found], _NDJSON
        )


class DocumentAnswer:
    """What has come of a document so far.

    Args:
        name: what the caller calls it.

    Attributes:
        n_pages: that it has; 0 before anything has come.
        n_read: of those, how many are read.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._n_left: int | None = None
        self.n_pages = self.n_read = 0

    def take(self, event: Event) -> Page | None:
        """The page of an event; None for the first one, which says how many there are.

        Raises:
            ServerError: it is neither.
        """
        try:
            if self._n_left is None:
                self.n_pages, self.n_read = int(event["n_pages"]), int(event["n_read"])
                self._n_left = self.n_read
                return None
            self._n_left -= 1
            return Page.of(read_page(event))
        except (DocumentError, LookupError, TypeError, ValueError, OverflowError) as error:
            raise ServerError(f"the server's answer is not as it must be: {error}") from error

    def end(self) -> None:
        """There are no more events.

        Raises:
            ServerError: there should be.
        """
        if self._n_left != 0:
            raise ServerError("the server ended its answer before the last page")

    def whole(self, pages: Sequence[PageData]) -> Document:
        """The document of these pages."""
        return Document.of(self._name, self.n_pages, finish_document(pages))


class RemotePages(Closing, Iterator[Page]):
    """Pages of a document as a server reads them; asked for with the first of them.

    Closing it, also from another thread, or dropping it ends the reading.

    Args:
        begin: sends the document.
        answer: takes what comes of it.
    """

    def __init__(self, begin: Callable[[], Events], answer: DocumentAnswer) -> None:
        self._begin: Callable[[], Events] | None = begin
        self._events: Events | None = None
        self._answer = answer

    def __next__(self) -> Page:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._events = begin()
        if self._events is None:
            raise StopIteration
        for event in self._events:
            page = self._answer.take(event)
            if page is not None:
                return page
        self._events = None
        self._answer.end()
        raise StopIteration

    @property
    def n_pages(self) -> int:
        """Pages of the document; 0 before the first one has come."""
        return self._answer.n_pages

    @property
    def n_read(self) -> int:
        """Of those, how many are read."""
        return self._answer.n_read

    def close(self) -> None:
        """End the reading if it still runs."""
        self._begin = None
        events, self._events = self._events, None
        if events is not None:
            events.close()

    def __del__(self) -> None:
        self.close()


def _texts(options: ParseOptions) -> dict[str, str]:
    """The options that are not at their defaults, as texts.

    Raises:
        OptionError: one of them cannot be asked for.
    """
    usual = ParseOptions()
    own = {
        one.name: getattr(options, one.name)
        for one in fields(ParseOptions)
        if one.name != "request" and getattr(options, one.name) != getattr(usual, one.name)
    }
    asked, usual_request = RequestOptions(**options.request), RequestOptions()
    for name in _NOT_SENT:
        if getattr(asked, name) != getattr(usual_request, name):
            raise OptionError(f"{name} cannot be asked of a server for a document")
    if asked.retry not in {None, Retry()}:
        raise OptionError("a server tries again in its own way; give retry=Retry()")
    given = {
        name: value
        for name in _OF_REQUESTS
        if (value := getattr(asked, name)) != getattr(usual_request, name)
    }
    if asked.retry is not None:
        given["retry"] = True
    given |= own
    for name in _DEADLINES:
        if given.get(name, 0.0) >= _LONGEST_DEADLINE:
            del given[name]
        elif name in given:
            given[name] = max(given[name], _SHORTEST_DEADLINE)
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _last_part(name: str) -> str:
    """Of a path. What is no Unicode in it is replaced."""
    return PurePath(name).name.encode("utf-8", "replace").decode() or "document"


def _bytes(found: Found) -> bytes:
    """The file; an image in memory as PNG."""
    data = file_bytes(found)
    return png(load_image(found.source)) if data is None else data
