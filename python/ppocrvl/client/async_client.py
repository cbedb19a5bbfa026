# SPDX-License-Identifier: Apache-2.0
"""The client for programs that are asyncio throughout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Unpack

from ppocrvl.client.client import Client
from ppocrvl.support.closing import AsyncClosing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from ppocrvl.client.streams import AsyncRemoteStream
    from ppocrvl.document.document import Document, Page
    from ppocrvl.engine.many import Item
    from ppocrvl.parsing.parse_options import ParseKeywords
    from ppocrvl.parsing.sources.found import AnySource, Found
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Outcome, Result


class AsyncClient(AsyncClosing):
    """A `Client` with only the methods for asyncio: `async with AsyncClient(url) as client`.

    It never blocks the event loop: images and HTTP are handled in other threads. It can be used
    from several event loops.

    Args:
        url: as for `Client`.
        api_key: likewise.
        model: likewise.
        n_parallel: likewise.
        timeout: likewise.
        retries: likewise.

    Raises:
        PpocrvlError: as `Client`.
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
    ) -> None:
        self._client = Client(
            url,
            api_key=api_key,
            model=model,
            n_parallel=n_parallel,
            timeout=timeout,
            retries=retries,
        )

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._client.url

    async def aocr(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> Result:
        """Like `Engine.aocr`. Cancelling the task cancels the request.

        Raises:
            PpocrvlError: as `Client.ocr`.
        """
        return await self._client.aocr(image, **options)

    def aocr_many(
        self,
        images: Iterable[Item] | AsyncIterable[Item],
        *,
        ordered: bool = True,
        **options: Unpack[ReadOptions],
    ) -> AsyncGenerator[Outcome]:
        """Like `Engine.aocr_many`.

        Yields:
            Outcomes, as `Client.aocr_many`.

        Raises:
            PpocrvlError: as `Client.aocr_many`.
        """
        return self._client.aocr_many(images, ordered=ordered, **options)

    async def astream(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> AsyncRemoteStream:
        """Like `Engine.astream`.

        Raises:
            PpocrvlError: as `Client.stream`.
        """
        return await self._client.astream(image, **options)

    async def aparse(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> Document:
        """Like `ppocrvl.aparse`. Cancelling the task also cancels reading on the server.

        Raises:
            PpocrvlError: as `Client.parse`.
        """
        return await self._client.aparse(source, layout=layout, page_images=page_images, **options)

    def aparse_pages(
        self,
        source: AnySource | Found,
        *,
        layout: str | None = None,
        page_images: bool = False,
        **options: Unpack[ParseKeywords],
    ) -> AsyncGenerator[Page]:
        """Like `aparse`, but yields page by page.

        Yields:
            Pages, as `Client.parse_pages`.

        Raises:
            PpocrvlError: as `Client.parse_pages`.
        """
        return self._client.aparse_pages(source, layout=layout, page_images=page_images, **options)

    async def aclose(self) -> None:
        """Cancel running requests and close the connections. The client is then unusable."""
        await asyncio.to_thread(self._client.close)
