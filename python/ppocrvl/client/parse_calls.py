# SPDX-License-Identifier: Apache-2.0
"""The methods of a client that read documents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Unpack

from ppocrvl.client.documents import (
    PARSE_PATH,
    DocumentAnswer,
    DocumentQuestion,
    RemotePages,
)
from ppocrvl.client.loop_thread import awaited
from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ppocrvl.client.connection import Connection, Event, Events, Form
    from ppocrvl.client.request import ServerModel
    from ppocrvl.document.document import Document, Page
    from ppocrvl.parsing.parse_options import ParseKeywords
    from ppocrvl.parsing.sources.found import AnySource, Found


class ParseCalls:
    """Reads documents on a ppocrvl server, which has a layout model.

    With other servers, use `ppocrvl.parse(…, engine=client)`: the layout is detected locally, and
    the server reads the blocks.
    """

    _connection: Connection

    async def _ask_model(self) -> ServerModel:
        raise NotImplementedError

    def parse(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> Document:
        """Read a document, like `ppocrvl.parse`.

        Args:
            source: as for `ppocrvl.parse`.
            layout: "none" reads each page as one block; None uses the server's layout model.
            page_images: also return an image of each page, which some formats show.
            options: as for `ppocrvl.parse`.

        Raises:
            DocumentError: there is no document, or it cannot be opened.
            ImageError: the source is an image that cannot be opened.
            OptionError: an option is out of range or not supported, or the server is not a ppocrvl
                server.
            ServerError: the server cannot be reached, or failed.
            CancelledError: the client was closed meanwhile.
        """
        question = DocumentQuestion(source, options, layout=layout, page_images=page_images)
        return self._connection.run(self._parse(question))

    def parse_pages(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> RemotePages:
        """Like `parse`, but page by page, like `ppocrvl.parse_pages`.

        Closing or dropping the iterator also cancels reading on the server.

        Returns:
            An iterator of pages. They lack what depends on the whole document.

        Raises:
            PpocrvlError: as `parse`. Errors of the document are raised when the first page is
                requested.
        """
        question = DocumentQuestion(source, options, layout=layout, page_images=page_images)
        return RemotePages(partial(self._begin, question), DocumentAnswer(question.name))

    async def aparse(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> Document:
        """Like `parse`, for asyncio. Cancelling the task also cancels reading on the server.

        Raises:
            PpocrvlError: as `parse`.
        """
        question = DocumentQuestion(source, options, layout=layout, page_images=page_images)
        return await awaited(self._connection.submit(self._parse(question)))

    def aparse_pages(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> AsyncGenerator[Page]:
        """Like `parse_pages`, for asyncio.

        Yields:
            Pages, as `parse_pages`.

        Raises:
            PpocrvlError: as `parse_pages`.
        """
        question = DocumentQuestion(source, options, layout=layout, page_images=page_images)
        return self._async_pages(question)

    def _begin(self, question: DocumentQuestion) -> Events:
        form = self._connection.run(self._form(question))
        return self._connection.events(PARSE_PATH, form)

    async def _async_pages(self, question: DocumentQuestion) -> AsyncGenerator[Page]:
        form = await awaited(self._connection.submit(self._form(question)))
        answer = DocumentAnswer(question.name)
        events = await self._connection.async_events(PARSE_PATH, form)
        try:
            async for event in events:
                page = answer.take(event)
                if page is not None:
                    yield page
        finally:
            events.close()
        answer.end()

    async def _parse(self, question: DocumentQuestion) -> Document:
        answer = DocumentAnswer(question.name)
        pages: list[Page] = []

        def take(event: Event) -> None:
            page = answer.take(event) if event else None
            if page is not None:
                pages.append(page)

        await self._connection.each_event(PARSE_PATH, await self._form(question), take)
        answer.end()
        return await self._connection.in_thread(lambda: answer.whole(pages))

    async def _form(self, question: DocumentQuestion) -> Form:
        model = await self._ask_model()
        if not model.own:
            raise OptionError(
                "this server has no layout model; ppocrvl.parse(…, engine=client) finds the blocks "
                "here and has them read there"
            )
        return await self._connection.in_thread(question.form)
