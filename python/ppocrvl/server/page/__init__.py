# SPDX-License-Identifier: Apache-2.0
"""What pages for people need: their policy, and how they look."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a browser may do for a page: nothing but talk to this server."""

HEADERS = {"content-security-policy": POLICY, "cache-control": "no-cache"}


async def style(request: Request) -> Response:
    """How pages look."""
    del request
    return Response(_file("style.css"), headers=HEADERS, media_type="text/css")


@cache
def _file(name: str) -> bytes:
    return (Path(__file__).parent / name).read_bytes()
