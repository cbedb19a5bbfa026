# SPDX-License-Identifier: Apache-2.0
"""A document that is being read as JSON objects, one a line."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ppocrvl.document.types import PageData
from ppocrvl.document.values import block_values, page_values
from ppocrvl.document.writers.html_block import blocks_html
from ppocrvl.errors import PpocrvlError
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.parts import BlocksRead, PageFound
from ppocrvl.server.answers import Error, json_bytes
from ppocrvl.server.codes import ApiError, api_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from ppocrvl.document.types import Block
    from ppocrvl.server.document_service import DocumentReading
    from ppocrvl.server.record import Record
    from ppocrvl.server.schemas import ParseRequest

Step: TypeAlias = PageData | PageFound | BlocksRead

PING_SECONDS = 15.0


async def document_lines(
    reading: DocumentReading, asked: ParseRequest, record: Record
) -> AsyncGenerator[bytes]:
    """The document without its pages, then each page, or what ended it all.

    With `progress`, `found` comes before a page, and `read` for blocks that were read.
    """
    head = {"name": reading.name, "n_pages": reading.n_pages, "n_read": reading.n_read}
    yield json_bytes(head) + b"\n"
    steps = reading.steps() if asked.progress else reading.pages()
    try:
        async with aclosing(_with_pings(steps)) as told:
            async for step in told:
                if step is None:
                    yield b" "  # JSON may begin with it
                elif values := _values(step, asked):
                    yield json_bytes(values) + b"\n"
    except (ApiError, PpocrvlError) as error:
        told_error = error if isinstance(error, ApiError) else api_error(error)
        record.errors.append(told_error.code)
        yield json_bytes(Error.of(told_error).to_dict()) + b"\n"


def _values(step: Step, asked: ParseRequest) -> dict[str, Any] | None:
    if isinstance(step, PageFound):
        return {"found": _found(step.data, asked)}
    if isinstance(step, BlocksRead):
        # Why a block failed is told with its page, where it is said whose fault it was.
        blocks = [one for one in step.blocks if one.error is None]
        values = {"index": step.page, "blocks": list(map(block_values, blocks))}
        return {"read": {**values, **_html(blocks, asked)}} if blocks else None
    page = replace(step, image=None) if asked.progress else step  # it came with `found`
    (page,) = finish_document([page])
    return {**page_values(page, with_bytes=asked.wants_bytes), **_html(page.blocks, asked)}


def _found(page: PageData, asked: ParseRequest) -> dict[str, Any]:
    """The page with its image; the pictures of blocks come with the page that is read."""
    bare = tuple(replace(block, pictures=()) for block in page.blocks)
    return page_values(replace(page, blocks=bare), with_bytes=asked.wants_bytes)


def _html(blocks: Sequence[Block], asked: ParseRequest) -> dict[str, str]:
    return {"html": blocks_html(blocks)} if asked.html else {}


async def _with_pings(steps: AsyncIterator[Step]) -> AsyncGenerator[Step | None]:
    """The steps, and None where none came for so long that a proxy might give up."""
    coming: asyncio.Future[Step | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(steps, None))
            done, _ = await asyncio.wait({coming}, timeout=PING_SECONDS)
            if not done:
                yield None
                continue
            step, coming = coming.result(), None
            if step is None:
                return
            yield step
    finally:
        if coming is not None:
            coming.cancel()
