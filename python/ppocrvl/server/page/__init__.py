# SPDX-License-Identifier: Apache-2.0
"""The page for people: files as they stand here, and what a browser may do for them.

`index.html` is the page, `style.css` its look and that of `/docs`, `document.css` that of
documents. Of the scripts, `app.js` takes what is to be read, `reading.js` shows a picture and
`document.js` a document, page by page (`sheet.js`, `thumbnails.js`); `server.js` asks the server.

The picture of a page comes with the line that tells its regions, as the models saw it, and the
browser keeps it: no file and no address of it stays at the server, and nothing has to be deleted.
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

_STYLES = ("style", "document")
_SCRIPTS = (
    *("app", "document", "item", "reading", "roving"),
    *("seen", "server", "sheet", "thumbnails"),
)
FILES = {
    "/": ("index.html", "text/html"),
    **{f"/{name}.css": (f"{name}.css", "text/css") for name in _STYLES},
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in _SCRIPTS},
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
