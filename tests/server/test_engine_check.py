# SPDX-License-Identifier: Apache-2.0
"""An engine that cannot read any more is seen from outside."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from starlette.requests import Request

import ppocrvl
from ppocrvl.engine.notifier import Notifier
from ppocrvl.server.admission import Admission, ByteBudget
from ppocrvl.server.codes import ApiError
from ppocrvl.server.engine_service import EngineService
from ppocrvl.server.server_limits import ServerLimits
from ppocrvl.server.state import State
from ppocrvl.server.status import health

if TYPE_CHECKING:
    from pathlib import Path


def test_health_sees_that_the_thread_of_answers_has_ended(
    endless_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ppocrvl.Engine(endless_model) as engine:
        state = State(
            name="model",
            limits=ServerLimits(),
            admission=Admission(1, 1),
            pages=Admission(1, 1),
            uploads=ByteBudget(1),
            pictures=mock.Mock(),
            metrics=mock.Mock(),
            service=EngineService(engine),
        )
        request = Request({"type": "http", "ppocrvl.state": state})
        assert asyncio.run(health(request)).status_code == 200
        monkeypatch.setattr(Notifier, "_run", lambda _: None)
        engine._notify()._thread.join(60)
        answer = asyncio.run(health(request))
        assert answer.status_code == 503
        values = json.loads(bytes(answer.body))
        assert values["status"] == "engine_error"
        assert "thread that passes answers on has ended" in values["reason"]
        with pytest.raises(ApiError, match="restart the server"):  # what requests are told
            state.ready()
