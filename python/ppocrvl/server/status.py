# SPDX-License-Identifier: Apache-2.0
"""The routes that say something about the server."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import HTMLResponse, JSONResponse, Response

from ppocrvl.document.writers.formats import FORMATS
from ppocrvl.requests.pixel_limits import limits_of
from ppocrvl.requests.tasks import TASKS
from ppocrvl.server.answers import FormatFacts, HealthReport, Model, ModelFacts, Models
from ppocrvl.server.codes import ApiError
from ppocrvl.server.openapi import docs_page, document
from ppocrvl.server.page import HEADERS
from ppocrvl.server.state import State, state_of

if TYPE_CHECKING:
    from starlette.requests import Request


async def models(request: Request) -> Response:
    """The one model."""
    return JSONResponse(Models(object="list", data=[_model(state_of(request))]).to_dict())


async def model(request: Request) -> Response:
    """The one model, by its name."""
    state = state_of(request)
    if request.path_params["name"] != state.name:
        raise ApiError("not_found", f"there is no such model; this is {state.name}")
    return JSONResponse(_model(state).to_dict())


async def health(request: Request) -> Response:
    """Whether requests would be answered, or why not."""
    state = state_of(request)
    status, reason = state.standing()
    report = HealthReport(
        status=status,
        model=state.name,
        version=version("ppocrvl"),
        pictures=state.admission.inside,
        limit=state.admission.limit,
        pages=state.pages.inside,
        pages_limit=state.pages.limit,
        **({"reason": reason} if reason else {}),
    )
    return JSONResponse(report.to_dict(), status_code=200 if status == "ok" else 503)


async def metrics(request: Request) -> Response:
    """Prometheus' numbers."""
    text = state_of(request).metrics.text()
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    del request
    return JSONResponse(document())


async def docs(request: Request) -> Response:
    """The OpenAPI document for reading."""
    del request
    return HTMLResponse(docs_page(), headers=HEADERS)


def _formats() -> dict[str, FormatFacts]:
    """Those whose packages are installed."""
    return {
        one.name: FormatFacts(
            title=one.title,
            suffix=one.suffix,
            one_text=one.one_text,
            shows_pages=one.shows_pages,
        )
        for one in FORMATS.values()
        if one.is_there
    }


def _model(state: State) -> Model:
    loaded = {}
    if state.service is not None:
        info = state.service.engine.info
        loaded["ppocrvl"] = ModelFacts(
            version=info.model_version,
            context=info.n_ctx_train,
            pixels=limits_of(info),
            tasks={
                task.name: task.title
                for task in TASKS.values()
                if task.is_known_to(info.model_version)
            },
            formats={} if state.documents is None else _formats(),
            max_document_bytes=state.limits.max_document_bytes,
        )
    return Model(id=state.name, object="model", created=state.created, owned_by="ppocrvl", **loaded)
