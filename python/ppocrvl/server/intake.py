# SPDX-License-Identifier: Apache-2.0
"""What the ways of asking share: from a body to images that have a place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ppocrvl.server.body import read_body
from ppocrvl.server.disconnect import unless_gone
from ppocrvl.server.engine_service import Job, deadline_exceeded, left_of_deadline
from ppocrvl.server.record import record_of
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.server.admission import Share

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the images of a request are.

    Attributes:
        references: bytes, or URLs.
        share: of the budget, which counts the bytes.
    """

    references: Sequence[bytes | str]
    share: Share


async def take_body(
    request: Request, parse: Callable[[bytearray], tuple[T, list[bytes | str]]]
) -> tuple[T, Sources]:
    """What a request asks, if it has a chance to be answered, and its images.

    Args:
        request: whose body is taken.
        parse: takes the body apart, and empties it as soon as it can. Called in a thread, for one
            body at a time: so its copies are never those of several.

    Raises:
        ApiError: the server is not ready, or full, or the body is over a limit or cannot be parsed.
        ClientGoneError: the connection was closed.
    """
    state = state_of(request)
    state.ready()
    state.admission.check()  # refuses early: nothing was uploaded yet
    (asked, references), share = await take_apart(request, parse)
    share.shrink(sum(len(one) for one in references))
    return asked, Sources(references, share)


async def take_apart(
    request: Request, parse: Callable[[bytearray], T], *, has_document: bool = False
) -> tuple[T, Share]:
    """What `parse` makes of the body, and the body's share of the budget of bytes.

    Raises:
        ApiError: the body is over a limit, that of documents if it has one, or cannot be parsed.
        ClientGoneError: the connection was closed.
    """
    state = state_of(request)
    share = state.uploads.share()
    record_of(request).releases.append(share.release)
    body = await read_body(request, state.limits, share, has_document=has_document)
    # One body at a time, so that copies are never those of several.
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(state.parser, partial(parse, body)), share


async def take_pictures(
    request: Request, sources: Sources, options: ReadOptions, deadline: float | None
) -> list[Job]:
    """A place and the bytes for each image.

    Args:
        request: that they belong to.
        sources: of the images.
        options: of all of them.
        deadline: seconds since the request came, as the client wants it.

    Raises:
        ApiError: there is no room, a URL cannot be fetched, or it is too late.
        ClientGoneError: the connection was closed.
    """
    state, record = state_of(request), record_of(request)
    limit = state.limits.deadline_seconds
    state.admission.check(len(sources.references))  # nothing is fetched in vain
    pictures = [one for one in sources.references if isinstance(one, bytes)]
    if len(pictures) < len(sources.references):
        fetching = _fetch(request, sources, left_of_deadline(record, deadline, limit))
        pictures = await unless_gone(request.receive, fetching)
    options["deadline"] = left_of_deadline(record, deadline, limit)
    slots = state.admission.take(len(pictures))
    record.releases += [slot.release for slot in slots]
    record.picture_bytes += map(len, pictures)
    return [
        Job(picture, options, slot, record) for picture, slot in zip(pictures, slots, strict=True)
    ]


async def _fetch(request: Request, sources: Sources, seconds: float) -> list[bytes]:
    """The images, those from URLs one after the other."""
    pictures = state_of(request).pictures
    try:
        async with asyncio.timeout(seconds):
            return [await pictures.fetch(one, sources.share) for one in sources.references]
    except TimeoutError:
        raise deadline_exceeded() from None
