# SPDX-License-Identifier: Apache-2.0
"""What both ways of asking share: from references to pictures that have a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.server.body import read_body
from ppocrvl.server.reader import Job, left_of_deadline
from ppocrvl.server.record import record_of
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ppocrvl.options import ReadOptions


async def take_body(request: Request) -> bytes:
    """The body of a request that has a chance to be answered.

    Raises:
        ApiError: the server is not ready, or full, or the body is over a limit.
        ClientGoneError: the connection was closed.
    """
    state = state_of(request)
    state.ready()
    state.admission.check()  # refuses early: nothing was uploaded yet
    return await read_body(request, record_of(request), state.limits, state.uploads)


async def take_pictures(
    request: Request,
    references: Sequence[bytes | str],
    options: ReadOptions,
    deadline: float | None,
) -> list[Job]:
    """A place and the bytes for each picture.

    Args:
        request: that they belong to.
        references: bytes, or URLs.
        options: of all of them.
        deadline: seconds since the request came, as the client wants it.

    Raises:
        ApiError: there is no room, a URL cannot be fetched, or it is too late.
    """
    state, record = state_of(request), record_of(request)
    slots = state.admission.take(len(references))
    record.releases += [slot.release for slot in slots]
    pictures = [await state.pictures.fetch(reference) for reference in references]
    record.picture_bytes += map(len, pictures)
    options["deadline"] = left_of_deadline(record, deadline, state.limits.deadline_seconds)
    return [
        Job(picture, options, slot, record) for picture, slot in zip(pictures, slots, strict=True)
    ]
