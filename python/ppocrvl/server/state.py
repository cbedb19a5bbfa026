# SPDX-License-Identifier: Apache-2.0
"""What all requests of a server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError
from ppocrvl.server.codes import ApiError
from ppocrvl.support.resources import started_pool

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from starlette.requests import Request

    from ppocrvl.server.admission import Admission, ByteBudget
    from ppocrvl.server.document_service import DocumentService
    from ppocrvl.server.engine_service import EngineService
    from ppocrvl.server.metrics import Metrics
    from ppocrvl.server.pictures import PictureLoader
    from ppocrvl.server.server_limits import ServerLimits

_LOADING_SECONDS = 5


@dataclass(slots=True)
class State:
    """The parts of a running server.

    Attributes:
        name: of the model, as clients see it.
        admission: counts pictures.
        pages: counts pages of documents.
        parser: takes bodies apart, one at a time.
        writer: writes documents that were sent, one at a time.
        service: the engine; None until it is loaded.
        documents: reads documents with it; None where there is no layout model.
        draining: whether the server is about to end.
    """

    name: str
    limits: ServerLimits
    admission: Admission
    pages: Admission
    uploads: ByteBudget
    pictures: PictureLoader
    metrics: Metrics
    parser: Executor = field(
        default_factory=lambda: started_pool(1, "ppocrvl-parser", "the server")
    )
    writer: Executor = field(
        default_factory=lambda: started_pool(1, "ppocrvl-writer", "the server")
    )
    service: EngineService | None = None
    documents: DocumentService | None = None
    draining: bool = False
    created: int = field(default_factory=lambda: int(time()))

    def ready(self) -> EngineService:
        """The engine.

        Raises:
            ApiError: it is not loaded yet, or cannot read any more, or the server takes no new
                requests.
        """
        if self.draining:
            raise ApiError("shutting_down", "the server ends and takes no new requests")
        if self.service is None:
            raise ApiError(
                "model_loading", "the model is still being loaded", retry_after=_LOADING_SECONDS
            )
        try:
            self.service.engine.check()
        except EngineError as error:
            raise ApiError("engine_error", f"{error}; restart the server") from error
        return self.service

    def standing(self) -> tuple[str, str]:
        """The status "ok" and no reason, or why requests would not be answered."""
        try:
            service = self.ready()
        except ApiError as error:
            return error.code, error.message
        if service.health.failing:
            return "engine_error", "the engine cannot read a small image; the log has the details"
        return "ok", ""

    def ready_for_documents(self) -> DocumentService:
        """What reads documents.

        Raises:
            ApiError: as `ready`, or there is no layout model.
        """
        self.ready()
        if self.documents is None:
            raise ApiError(
                "no_layout", "this server has no layout model; start it with --layout FILE or none"
            )
        return self.documents


def state_of(request: Request) -> State:
    """The server's state."""
    state = request.scope["ppocrvl.state"]
    assert isinstance(state, State)  # noqa: S101
    return state
