# SPDX-License-Identifier: Apache-2.0
"""Every limit of the server, in one place; each is a flag of `ppocrvl serve`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ppocrvl.errors import OptionError
from ppocrvl.requests.options import DEFAULT_MAX_TOKENS, MOST, check_int, check_number

MIB = 1 << 20


def _limit(default: float, help_text: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one request, and all of them together, may take. Counts are ints, times are seconds.

    Raises:
        OptionError: a limit is out of its range.
    """

    max_waiting: int = _limit(64, "images that wait beyond those that decode; then 429")
    max_body_bytes: int = _limit(32 * MIB, "bytes of a request's body")
    max_picture_bytes: int = _limit(20 * MIB, "bytes of an encoded image")
    max_image_pixels: int = _limit(
        50_000_000, "pixels of an image before it is resized, or of a rendered page"
    )
    max_pictures: int = _limit(8, "images of one request")
    max_document_bytes: int = _limit(64 * MIB, "bytes of a body that holds a document")
    max_pages: int = _limit(500, "pages that one request may have read")
    max_documents: int = _limit(4, "documents that are read at once; further ones wait")
    max_waiting_pages: int = _limit(2000, "pages of all requests that are inside; then 429")
    max_tokens: int = _limit(
        DEFAULT_MAX_TOKENS, "tokens of an answer; a request for more gets so many"
    )
    max_upload_bytes: int = _limit(
        512 * MIB, "bytes of all bodies, or what is in them, fetched or kept, at once; then 503"
    )
    max_fetches: int = _limit(16, "images fetched from URLs at once; then 503")
    max_connections: int = _limit(512, "open connections; a further one is answered 503 and closed")
    max_header_bytes: int = _limit(32 * 1024, "bytes of the line and headers of a request")
    deadline_seconds: float = _limit(300.0, "from a request's arrival to the end of its answer")
    document_seconds: float = _limit(
        3600.0, "from the arrival of a request with a document to the end of its answer"
    )
    header_seconds: float = _limit(10.0, "for sending the headers of a request")
    body_seconds: float = _limit(60.0, "for sending its body")
    send_seconds: float = _limit(60.0, "that a client may leave what is sent to it unread")
    drain_seconds: float = _limit(60.0, "that running requests get after SIGTERM")

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(one.default, float):
                check_number(one.name, value, 0.001, 1e6)
            else:
                check_int(one.name, value, 0 if one.name == "max_waiting" else 1, MOST)
        if self.max_pages > self.max_waiting_pages:
            raise OptionError(
                f"max_pages ({self.max_pages}) must not be over max_waiting_pages "
                f"({self.max_waiting_pages}): such a document would always be refused"
            )
