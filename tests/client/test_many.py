# SPDX-License-Identifier: Apache-2.0
"""The client's methods beside those of an engine: many requests, futures, asyncio."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.client.stub import SILENCE, Beginning, completion
from tests.server.running import Server
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.engine.preparing import THREADS
from ppocrvl.errors import OptionError, ServerError
from ppocrvl.images.load import load_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.client.stub import Answer, Stub


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--parallel", 2).wait_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def engine() -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine(n_parallel=2) as one:
        yield one


@pytest.fixture(scope="module")
def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (56, 28), "white").save(file, "PNG")
    return file.getvalue()


def public_methods(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def test_the_client_has_the_methods_of_an_engine() -> None:
    engine, client = public_methods(ppocrvl.Engine), public_methods(ppocrvl.Client)
    assert engine.keys() == client.keys()
    for name in ("ocr", "stream", "submit", "ocr_many", "aocr", "astream", "aocr_many"):
        ours, theirs = (inspect.signature(one[name]).parameters for one in (engine, client))
        assert str(ours) == str(theirs)
    asynchronous = public_methods(ppocrvl.AsyncClient)
    documents = {"aparse", "aparse_pages"}  # a server's; here ppocrvl.aparse reads with an engine
    assert asynchronous.keys() == {"aocr", "aocr_many", "astream", "aclose"} | documents
    for name in asynchronous.keys() & client.keys():
        ours, theirs = (inspect.signature(one[name]).parameters for one in (client, asynchronous))
        assert str(ours) == str(theirs)


def test_what_a_server_cannot_do_is_said(stub: Stub, picture: bytes) -> None:
    stub.answers = [SILENCE]
    with ppocrvl.Client(stub.url) as client:
        calls: list[Callable[[], object]] = [
            *(lambda: client.embed(picture), lambda: client.trace(picture)),
            *(lambda: client.prompt_tokens("", 1, 1), lambda: client.submit(picture, wait=False)),
            *(lambda: client.submit(picture, priority=1), client.submit(picture).stop),
        ]
        assert stub.silent.acquire(timeout=SECONDS)
        for call in calls:
            with pytest.raises(OptionError, match="server"):
                call()


def many(url: str, items: list[Any], **options: Any) -> list[ppocrvl.Outcome]:
    with ppocrvl.Client(url, n_parallel=THREADS) as client:
        return list(client.ocr_many(items, **options))


def many_async(url: str, items: list[Any], **options: Any) -> list[ppocrvl.Outcome]:
    async def source() -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    async def read() -> list[ppocrvl.Outcome]:
        async with ppocrvl.AsyncClient(url, n_parallel=THREADS) as client:
            return [one async for one in client.aocr_many(source(), **options)]

    return asyncio.run(read())


def submitted(url: str, items: list[Any], **options: Any) -> list[ppocrvl.Outcome]:
    with ppocrvl.Client(url, n_parallel=THREADS) as client:
        return [one.result(SECONDS) for one in [client.submit(one, **options) for one in items]]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("read", [many, many_async])
def test_pictures_and_requests_mixed(
    server: Server,
    engine: ppocrvl.Engine,
    samples: Path,
    read: Any,
    ordered: bool,  # noqa: FBT001
) -> None:
    hello = samples / "hello.png"
    items: list[Any] = [
        hello,
        ppocrvl.Request(samples / "table.png", task="table", tag="mine"),
        ppocrvl.Request("missing.png", tag=3),
        ppocrvl.Request(hello, priority=1),
        None,
        hello,
    ]
    found, expected = (
        sorted(outcomes, key=lambda one: one.index)
        for outcomes in (
            read(server.url, items, max_tokens=4, ordered=ordered),
            engine.ocr_many(items, max_tokens=4, ordered=ordered),
        )
    )
    assert isinstance(found[3], OptionError)  # what cannot be asked of a server
    del found[3], expected[3]
    for there, here in zip(found, expected, strict=True):
        assert type(there) is type(here)
        assert (there.index, there.tag) == (here.index, here.tag)
        if isinstance(here, ppocrvl.Result):
            assert str(there) == str(here)


def test_one_request_everywhere(server: Server, samples: Path) -> None:
    request = ppocrvl.Request(samples / "hello.png", max_tokens=3, tag="mine")

    async def read() -> list[ppocrvl.Result]:
        async with (
            ppocrvl.AsyncClient(server.url) as client,
            await client.astream(request) as stream,
        ):
            pieces = [piece async for piece in stream]
            assert "".join(pieces) == stream.result.text
            return [await client.aocr(request), await stream.wait()]

    with ppocrvl.Client(server.url) as client, client.stream(request) as stream:
        results = [client.ocr(request), stream.wait(), client.submit(request).result(SECONDS)]
        results += asyncio.run(read())
        assert {(one.tag, one.text) for one in results} == {("mine", results[0].text)}
        for ask in (client.ocr, client.stream, client.submit):
            with pytest.raises(OptionError, match="put max_tokens into it"):
                ask(request, max_tokens=3)
        client.check()


@pytest.mark.parametrize("read", [many, many_async, submitted])
def test_pictures_are_prepared_in_threads_several_at_once(
    stub: Stub, picture: bytes, monkeypatch: pytest.MonkeyPatch, read: Any
) -> None:
    """The first go on when `THREADS` pictures are being loaded; which ones those are is open."""
    together = threading.Barrier(THREADS)
    entries = itertools.count()
    names = set()

    def watched(*args: Any, **more: Any) -> Any:
        names.add(threading.current_thread().name.rpartition("_")[0])
        if next(entries) < THREADS:
            together.wait(SECONDS)
        return load_image(*args, **more)

    monkeypatch.setattr("ppocrvl.images.pixels.load_image", watched)
    stub.answers = [completion("good")] * 2 * THREADS
    outcomes = read(stub.url, [picture] * 2 * THREADS)
    assert [str(one) for one in outcomes] == ["good"] * 2 * THREADS
    assert names == {"ppocrvl-prepare"}


def test_an_attempt_that_fails_leaves_the_answer_that_there_is(stub: Stub, picture: bytes) -> None:
    """As with an engine."""
    failed: Answer = (500, {}, b'{"error": {"message": "broken"}}')
    entries = [{"token": "poor", "logprob": -5.0}]
    poor = completion("poor", logprobs={"content": entries})
    stub.answers = [poor, failed, failed]
    with ppocrvl.Client(stub.url, retries=0) as client:
        result = client.ocr(picture, retry=ppocrvl.Retry())
        assert result.text == "poor"
        stub.answers = [failed]
        with pytest.raises(ServerError, match="broken"):
            client.ocr(picture, retry=ppocrvl.Retry())


def test_a_future_that_is_cancelled_ends_its_request(stub: Stub, picture: bytes) -> None:
    stub.answers = [SILENCE, completion("next")]
    with ppocrvl.Client(stub.url, n_parallel=1) as client:
        answer, following = client.submit(picture), client.submit(picture)
        assert stub.silent.acquire(timeout=SECONDS)
        assert answer.cancel()
        assert answer.cancelled()
        assert stub.gone.acquire(timeout=SECONDS)
        with pytest.raises(ppocrvl.CancelledError):
            answer.result(SECONDS)
        assert following.result(SECONDS).text == "next"


def test_futures_of_a_client_that_is_closed(stub: Stub, picture: bytes) -> None:
    stub.answers = [SILENCE]
    with ppocrvl.Client(stub.url, n_parallel=1) as client:
        answers = [client.submit(picture) for _ in range(2)]
        assert stub.silent.acquire(timeout=SECONDS)
    for answer in answers:
        with pytest.raises(ppocrvl.CancelledError, match="closed"):
            answer.result(SECONDS)


BEGUN: Answer = (200, {}, Beginning(b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'))


def test_cancelling_a_task_ends_its_request(stub: Stub, picture: bytes) -> None:
    stub.answers = [SILENCE, SILENCE, BEGUN]

    async def silence() -> None:
        assert await asyncio.to_thread(stub.silent.acquire, timeout=SECONDS)

    async def gone() -> None:
        assert await asyncio.to_thread(stub.gone.acquire, timeout=SECONDS)

    async def read() -> None:
        async with ppocrvl.AsyncClient(stub.url) as client:
            task = asyncio.create_task(client.aocr(picture))
            await silence()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone()
            outcomes = client.aocr_many([picture])
            waiting = asyncio.create_task(anext(outcomes))
            await silence()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await gone()
            async with await client.astream(picture) as stream:
                assert await anext(stream) == "a"
            await gone()

    asyncio.run(read())


def test_closing_tells_who_waits(stub: Stub, picture: bytes) -> None:
    stub.answers = [SILENCE, BEGUN]

    async def read() -> None:
        client = ppocrvl.AsyncClient(stub.url)
        whole = asyncio.create_task(client.aocr(picture))
        assert await asyncio.to_thread(stub.silent.acquire, timeout=SECONDS)
        stream = await client.astream(picture)
        assert await anext(stream) == "a"
        with pytest.raises(ServerError, match="has not ended"):
            _ = stream.result
        rest = asyncio.create_task(stream.wait())
        await client.aclose()
        for task in (whole, rest):
            with pytest.raises(ppocrvl.CancelledError):
                await task
        with pytest.raises(ServerError, match="make a new Client"):
            await client.aocr(picture)

    asyncio.run(asyncio.wait_for(read(), SECONDS))


def test_a_stream_that_fails(stub: Stub, picture: bytes) -> None:
    late = json.dumps({"error": {"code": "deadline_exceeded", "message": "late"}}).encode()
    stub.answers = [(500, {}, b"{}"), (408, {}, late)]

    async def read() -> None:
        async with ppocrvl.AsyncClient(stub.url) as client:
            with pytest.raises(ServerError):
                await client.astream(picture)
            stream = await client.astream(picture, deadline=1.0)
            assert [piece async for piece in stream] == []
            assert stream.result.finish_reason == "deadline"

    asyncio.run(read())


def test_the_event_loop_goes_on(
    stub: Stub, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture is prepared when the caller's loop says so."""
    go = threading.Event()

    def late(*args: Any, **more: Any) -> Any:
        assert go.wait(SECONDS)
        return load_image(*args, **more)

    monkeypatch.setattr("ppocrvl.images.pixels.load_image", late)
    stub.answers = [completion("good")]

    async def read() -> str:
        async with ppocrvl.AsyncClient(stub.url) as client:
            task = asyncio.create_task(client.aocr(picture))
            await asyncio.sleep(0)  # the task has begun
            go.set()
            return (await task).text

    assert asyncio.run(read()) == "good"
