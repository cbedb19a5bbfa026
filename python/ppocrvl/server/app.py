# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: routes, and the gate before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route, Router

from ppocrvl.server import page, status
from ppocrvl.server.chat import chat
from ppocrvl.server.documents import parse
from ppocrvl.server.gate import Access, Gate
from ppocrvl.server.liteparse import ocr_with_places
from ppocrvl.server.ocr import ocr
from ppocrvl.server.paddlex.layout_parsing import layout_parsing
from ppocrvl.server.paddlex.restructure_pages import restructure_pages
from ppocrvl.server.record import record_of
from ppocrvl.server.writing import write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from ppocrvl.server.state import State

    Handler = Callable[[Request], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/v1/chat/completions", chat),
    ("POST", "/v1/ocr", ocr),
    ("POST", "/v1/parse", parse),
    ("POST", "/v1/write", write),
    ("POST", "/layout-parsing", layout_parsing),
    ("POST", "/restructure-pages", restructure_pages),
    ("POST", "/ocr", ocr_with_places),
    ("GET", "/v1/models", status.models),
    ("GET", "/v1/models/{name:path}", status.model),
    ("GET", "/health", status.health),
    ("GET", "/metrics", status.metrics),
    ("GET", "/openapi.json", status.openapi),
    ("GET", "/docs", status.docs),
    *(("GET", path, page.handler(path)) for path in page.FILES),
)


def build_app(state: State, access: Access, *, log_texts: bool = False) -> Gate:
    """The application.

    Args:
        state: what its requests share; its `service` may come later.
        access: who may ask.
        log_texts: write what was read to the log.
    """
    router = Router(
        [Route(path, _noted(path, handler), methods=[verb]) for verb, path, handler in ROUTES],
        redirect_slashes=False,
    )
    return Gate(router, state, access, log_texts=log_texts)


def _noted(path: str, handler: Handler) -> Handler:
    """The handler, with the route on record."""

    async def handle(request: Request) -> Response:
        record_of(request).route = path
        return await handler(request)

    return handle
