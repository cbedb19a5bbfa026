# SPDX-License-Identifier: Apache-2.0
"""The page for people: files as they stand here, and what a browser may do for them.

`index.html` is the page, `style.css` its look and that of `/docs`. Of the scripts, `app.js` takes
pictures, `reading.js` shows one that is read, and `server.js` talks to the server.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a browser may do for a page: nothing but talk to this server."""

HEADERS = {"content-security-policy": POLICY, "cache-control": "no-cache"}

FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
    "/reading.js": ("reading.js", "text/javascript"),
    "/server.js": ("server.js", "text/javascript"),
}
"""Path to file and media type."""


def handler(path: str) -> Callable[[Request], Awaitable[Response]]:
    """What answers a request for one of `FILES`."""
    name, media_type = FILES[path]

    async def send(request: Request) -> Response:
        del request
        return Response(_content(name), headers=HEADERS, media_type=media_type)

    return send


@cache
def _content(name: str) -> bytes:
    return (Path(__file__).parent / name).read_bytes()
