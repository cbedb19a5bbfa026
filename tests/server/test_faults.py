# SPDX-License-Identifier: Apache-2.0
"""An engine that fails, and want of memory: every request is answered, and nothing stays held."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.in_process import PromptEngine, make_state, result, run
from tests.server.running import data_uri, error_of, question

from ppocrvl.errors import EngineError
from ppocrvl.server.health import Health

if TYPE_CHECKING:
    import httpx2

    from ppocrvl.requests.results import Result

ERRORS = [EngineError("no memory"), MemoryError(), RuntimeError("can't start new thread")]
GOOD, BAD = b"good", b"bad"


def fails_with(error: Exception) -> Any:
    """Reads what is not `BAD`, probes among it."""

    async def read(picture: object) -> Result:
        if isinstance(picture, bytes) and picture == BAD:
            raise error
        return result()

    return read


@pytest.mark.parametrize("error", ERRORS)
def test_one_picture_that_fails_is_no_engine_that_fails(error: Exception) -> None:
    """No balancer sends a request that would clear it."""
    state = make_state(PromptEngine(fails_with(error)))

    async def talk(client: httpx2.AsyncClient) -> None:
        answer = await client.post("/v1/ocr", files={"image": BAD})
        assert error_of(answer, 500) == "engine_error"
        await asyncio.sleep(0)  # the probe needs one turn
        assert (await client.get("/health")).status_code == 200

    run(state, talk)


def test_an_engine_that_fails_is_asked_until_it_can_read() -> None:
    asked: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def probe() -> None:
        outcome = asyncio.get_running_loop().create_future()
        asked.put_nowait(outcome)
        await outcome

    async def check() -> None:
        health = Health(probe, seconds=0)

        def failing() -> bool:
            return health.failing

        health.note_failure()
        health.note_failure()
        for _ in range(2):
            (await asked.get()).set_exception(EngineError("broken"))
        last = await asked.get()
        assert failing()
        assert asked.empty(), "asked twice at once"
        last.set_result(None)
        assert health._task is not None
        await health._task
        assert not failing()

        health.note_failure()  # and a good answer says as much as a good probe
        (await asked.get()).set_exception(MemoryError())
        again = await asked.get()
        assert failing()
        health.note_success()
        assert not failing()
        health.close()
        again.cancel()

    asyncio.run(check())


def test_health_says_that_the_engine_fails() -> None:
    async def read(_: object) -> Result:
        raise EngineError("all of it")

    state = make_state(PromptEngine(read))

    async def talk(client: httpx2.AsyncClient) -> None:
        await client.post("/v1/ocr", files={"image": GOOD})
        await asyncio.sleep(0)
        answer = await client.get("/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "engine_error"

    run(state, talk)


@pytest.mark.parametrize("error", ERRORS)
def test_one_bad_picture_does_not_sink_the_rest(error: Exception) -> None:
    state = make_state(PromptEngine(fails_with(error)))

    async def talk(client: httpx2.AsyncClient) -> None:
        files = [("image", GOOD), ("image", BAD), ("image", GOOD)]
        answer = await client.post("/v1/ocr", files=files)
        first, second, third = answer.json()["results"]
        assert first["text"] == third["text"] == "text"
        assert second["error"]["code"] == "engine_error"

    run(state, talk)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("path", ["/v1/ocr", "/v1/chat/completions"])
@pytest.mark.parametrize("piece_first", [False, True])
def test_streams_end_with_the_error(
    error: Exception, path: str, *, piece_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    state = make_state(PromptEngine(fails_with(error), piece_first=piece_first))
    body = {"image": data_uri(BAD)} if path == "/v1/ocr" else question(BAD)

    async def talk(client: httpx2.AsyncClient) -> None:
        answer = await client.post(path, json={**body, "stream": True})
        if piece_first:
            last = answer.text.strip().splitlines()[-1].removeprefix("data: ")
            assert json.loads(last)["error"]["code"] == "engine_error"
        else:
            assert error_of(answer, 500) == "engine_error"
        metrics = (await client.get("/metrics")).text
        assert 'ppocrvl_errors_total{code="engine_error"} 1.0' in metrics.splitlines()

    run(state, talk)
    assert repr(error) in caplog.text or str(error) in caplog.text


@pytest.mark.parametrize("path", ["/v1/ocr", "/v1/chat/completions"])
def test_want_of_memory_before_the_engine(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_state(PromptEngine(fails_with(MemoryError())))
    body = {"image": data_uri(GOOD)} if path == "/v1/ocr" else question(GOOD)

    async def talk(client: httpx2.AsyncClient) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("binascii.a2b_base64", raise_memory_error)
            answer = await client.post(path, json=body)
        assert error_of(answer, 503) == "server_busy"
        assert answer.headers["retry-after"] == "1"
        assert (await client.post(path, json=body)).is_success

    run(state, talk)


def raise_memory_error(*_: Any, **__: Any) -> None:
    raise MemoryError


@pytest.mark.parametrize("path", ["/v1/ocr", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_short_by_the_end_of_the_server(path: str, *, stream: bool) -> None:
    """It is not complete, and must not look so."""

    async def read(_: object) -> Result:
        return result(finish_reason="cancelled")

    state = make_state(PromptEngine(read))
    body = {"image": data_uri(GOOD)} if path == "/v1/ocr" else question(GOOD)

    async def talk(client: httpx2.AsyncClient) -> None:
        answer = await client.post(path, json={**body, "stream": stream})
        assert '"shutting_down"' in answer.text
        assert "[DONE]" not in answer.text

    run(state, talk)
