# SPDX-License-Identifier: Apache-2.0
"""What the client sends, what it makes of answers, and that no request outlives who asked it."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np
import pytest
from tests.client.stub import SILENCE, Beginning, completion
from tests.server.running import Server
from tests.waiting import SECONDS

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.client import connection, request
from ppocrvl.errors import ExitCode
from ppocrvl.images import source
from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.stub import Answer, Stub

OWN = {"version": "1.6", "pixels": {"": [112_896, 1_003_520]}}
PICTURE = np.full((28, 56), 200, np.uint8)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--parallel", 2).wait_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def engine() -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine() as one:
        yield one


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_WAIT", 0.0)


def models(**more: Any) -> Answer:
    listed = {"object": "list", "data": [{"id": "tiny", "owned_by": "ppocrvl", **more}]}
    return 200, {}, json.dumps(listed).encode()


def own_completion(engine: ppocrvl.Engine, image: Path, *, tokens: bool) -> Answer:
    result = engine.ocr(image)
    status, headers, body = completion(result.text)
    more = {"ppocrvl": [result.to_dict(tokens=tokens)]}
    return status, headers, json.dumps(json.loads(body) | more).encode()


# Options


TURNS: list[Any] = [
    {"role": "user", "content": "OCR:"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Table Recognition:"},
]


def test_a_conversation_is_sent(stub: Stub) -> None:
    stub.answers = [completion("a"), completion("b"), completion("c")]
    with ppocrvl.Client(stub.url) as client:
        client.ocr(PICTURE, messages=[{"role": "system", "content": "Be brief."}, *TURNS])
        client.ocr(None, messages=TURNS)
        client.ocr(None, prompt="Who?")
        with pytest.raises(ppocrvl.OptionError, match="without an image"):
            client.ocr(None)
    first, second, third = (body["messages"] for body in stub.bodies)
    assert [turn["role"] for turn in first] == ["system", "user", "assistant", "user"]
    assert [part["type"] for part in first[1]["content"]] == ["image_url", "text"]
    assert first[1]["content"][1]["text"] == "OCR:"
    assert first[2:] == TURNS[1:]
    assert second == TURNS
    assert third == [{"role": "user", "content": "Who?"}]


def test_a_conversation_reads_as_with_the_engine(
    server: Server, engine: ppocrvl.Engine, samples: Path
) -> None:
    with ppocrvl.Client(server.url) as client:
        expected = engine.ocr(samples / "table.png", messages=TURNS)
        found = client.ocr(samples / "table.png", messages=TURNS)
        assert found.text == expected.text
        assert found.timings.prompt_tokens == expected.timings.prompt_tokens
        with client.stream(samples / "table.png", messages=TURNS) as stream:
            assert stream.wait().text == expected.text
        for image, turns in ((PICTURE, TURNS[1:]), (None, TURNS)):
            with pytest.raises(ppocrvl.OptionError):  # what our server does not take
                client.ocr(image, messages=turns)


def test_no_time_at_all(server: Server, engine: ppocrvl.Engine, samples: Path) -> None:
    """The answer is that of the engine; it is no error, and no answer without a limit."""
    expected = engine.ocr(samples / "hello.png", deadline=0)
    with ppocrvl.Client(server.url) as client:
        for deadline in (0, 1e-9):
            found = client.ocr(samples / "hello.png", deadline=deadline)
            assert (found.text, found.finish_reason) == (expected.text, expected.finish_reason)
            with client.stream(samples / "hello.png", deadline=deadline) as stream:
                assert list(stream) == []
            assert stream.result.finish_reason == "deadline"
        (many,) = client.ocr_many([samples / "hello.png"], deadline=0)
        assert isinstance(many, ppocrvl.Result)


def test_all_of_the_sampling_is_said_where_there_is_some(stub: Stub) -> None:
    """Servers have defaults of their own: llama-server min_p 0.05 and another seed every time."""
    stub.answers = [completion(""), completion("")]
    with ppocrvl.Client(stub.url) as client:
        client.ocr(PICTURE, temperature=0.5)
        client.ocr(PICTURE)
    names = ("seed", "top_p", "top_k", "min_p")
    assert [stub.bodies[0][name] for name in names] == [0, 1.0, -1, 0.0]
    assert not set(names) & set(stub.bodies[1])


def test_a_token_that_must_not_come(stub: Stub) -> None:
    stub.answers = [completion("")]
    with ppocrvl.Client(stub.url) as client:
        client.ocr(PICTURE, logit_bias={3: -math.inf, 4: 2.5})
    assert stub.bodies[0]["logit_bias"] == {"3": -100.0, "4": 2.5}


def test_limits_that_contradict_each_other(stub: Stub) -> None:
    with (
        ppocrvl.Client(stub.url) as client,
        pytest.raises(ppocrvl.OptionError, match="give both"),
    ):
        client.ocr(PICTURE, min_pixels=2_000_000)


def test_limits_of_a_file_that_says_too_much(stub: Stub) -> None:
    """The engine bounds them as well; our server refuses higher ones in a request."""
    stub.models = models(ppocrvl={**OWN, "pixels": {"": [1, 2**40]}})
    stub.answers = [(500, {}, b"{}")]
    with ppocrvl.Client(stub.url) as client, pytest.raises(ppocrvl.ServerError):
        client.ocr(PICTURE)
    limits = stub.bodies[0]["mm_processor_kwargs"]
    assert limits == {"min_pixels": 1, "max_pixels": MAX_REQUEST_PIXELS}


def test_a_file_over_the_limit(stub: Stub, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.models = models(ppocrvl=OWN)
    for module in (source, request):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 100)
    path = samples / "hello.png"
    with ppocrvl.Client(stub.url) as client:
        for image in (path, path.read_bytes()):
            with pytest.raises(ppocrvl.ImageTooLargeError):
                client.ocr(image)


# The server


def test_a_server_that_is_loading_is_waited_for(
    stub: Stub, engine: ppocrvl.Engine, samples: Path
) -> None:
    """Before its model is loaded our server lists the name alone, as any other server."""
    loading = b'{"status": "model_loading", "reason": "the model is still being loaded"}'
    stub.before["/v1/models"] = [models()]
    stub.before["/health"] = [(503, {}, loading), (503, {}, loading)]
    stub.models = models(ppocrvl=OWN)
    stub.answers = [own_completion(engine, samples / "hello.png", tokens=True)]
    with ppocrvl.Client(stub.url) as client:
        assert client.ocr(samples / "hello.png").token_ids
        assert client.model.own
    assert stub.bodies[0]["tokens"] is True
    assert not stub.before["/health"]


def test_a_server_that_loads_for_too_long_is_asked_again_later(stub: Stub) -> None:
    loading = b'{"status": "model_loading", "reason": "the model is still being loaded"}'
    stub.before["/v1/models"] = [models()]
    stub.before["/health"] = [(503, {}, loading)]
    stub.models = models(ppocrvl=OWN)
    with ppocrvl.Client(stub.url, retries=0) as client:
        with pytest.raises(ppocrvl.ServerError, match="still being loaded"):
            client.ocr(PICTURE)
        assert client.model.own


def test_our_server_takes_any_name(server: Server, engine: ppocrvl.Engine, samples: Path) -> None:
    expected = engine.ocr(samples / "hello.png")
    with ppocrvl.Client(server.url, model="another") as client:
        assert client.ocr(samples / "hello.png").token_ids == expected.token_ids


def test_our_server_behind_one_that_lists_others(
    stub: Stub, engine: ppocrvl.Engine, samples: Path
) -> None:
    """The answer has our own object, but not all of it: nobody asked for tokens."""
    stub.answers = [own_completion(engine, samples / "hello.png", tokens=False)]
    with ppocrvl.Client(stub.url) as client:
        assert client.ocr(samples / "hello.png").text == engine.ocr(samples / "hello.png").text


@pytest.mark.parametrize(
    "answer",
    [
        b'{"data": 5}',
        b'{"data": [{"id": "x", "ppocrvl": 5}]}',
        b'{"data": [{"id": "x", "ppocrvl": {"version": "x", "pixels": {}}}]}',
        b'{"data": [{"id": "x", "ppocrvl": {"version": "1.6", "pixels": {"": [1]}}}]}',
        b"[" * 100_000,
    ],
)
def test_nonsense_of_a_model(stub: Stub, answer: bytes) -> None:
    stub.models = (200, {}, answer)
    with ppocrvl.Client(stub.url) as client, pytest.raises(ppocrvl.ServerError):
        client.ocr(PICTURE)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"message": {"content": ["text"]}}]}',
        b'{"choices": [{"message": {"content": ""}, "logprobs": [1]}]}',
        b'{"choices": [{"message": {"content": ""}}], "usage": [1]}',
        b'{"choices": [{"message": {}, "logprobs": {"content": [{"token": 7, "logprob": 0}]}}]}',
        b"[" * 100_000,
    ],
)
def test_nonsense_as_answer(stub: Stub, answer: bytes) -> None:
    stub.answers = [(200, {}, answer), (200, {}, b"data: " + answer + b"\n\n")]
    with ppocrvl.Client(stub.url) as client:
        with pytest.raises(ppocrvl.ServerError):
            client.ocr(PICTURE)
        with pytest.raises(ppocrvl.ServerError):
            client.stream(PICTURE).wait()


def test_a_connection_that_takes_too_long_is_tried_again(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is refused: a server behind a full queue of connections does not refuse."""
    stub.answers = [completion("good")]
    late: list[type[Exception]] = [httpx2.ConnectTimeout, httpx2.ConnectTimeout]
    send = httpx2.AsyncClient.send

    async def sometimes(self: httpx2.AsyncClient, *args: Any, **options: Any) -> httpx2.Response:
        if late:
            raise late.pop()("")
        return await send(self, *args, **options)

    monkeypatch.setattr(httpx2.AsyncClient, "send", sometimes)
    with ppocrvl.Client(stub.url, retries=2) as client:
        assert client.ocr(PICTURE).text == "good"
    late += [httpx2.ConnectTimeout] * 2
    with (
        ppocrvl.Client(stub.url, retries=1) as client,
        pytest.raises(ppocrvl.ServerAccessError, match="ConnectTimeout; is the server running"),
    ):
        client.ocr(PICTURE)


@pytest.mark.parametrize("url", ["http://[", "http://", "http://host:port", "http:///v1"])
def test_no_address(url: str) -> None:
    with pytest.raises(ppocrvl.OptionError, match="address"):
        ppocrvl.Client(url)


def test_keys(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.answers = [completion("good")]
    monkeypatch.setenv("PPOCRVL_API_KEY", "key\n")  # as a file has it
    with ppocrvl.Client(stub.url) as client:
        assert client.ocr(PICTURE).text == "good"
    for key in ("ключ", "one\ntwo"):
        with pytest.raises(ppocrvl.OptionError, match="API key"):
            ppocrvl.Client(stub.url, api_key=key)


# The end of requests


def gone(stub: Stub, count: int) -> bool:
    """Whether so many clients of requests without an answer have gone."""
    return all(stub.gone.acquire(timeout=SECONDS) for _ in range(count))


def test_closing_ocr_many_ends_its_requests(stub: Stub) -> None:
    stub.answers = [completion("first"), SILENCE, completion("next")]
    with ppocrvl.Client(stub.url, n_parallel=1) as client:
        outcomes = client.ocr_many([PICTURE] * 3)
        assert isinstance(next(outcomes), ppocrvl.Result)
        assert stub.silent.acquire(timeout=SECONDS)
        outcomes.close()
        assert gone(stub, 1)
        assert client.ocr(PICTURE).text == "next"


def test_closing_the_client_ends_its_requests(stub: Stub) -> None:
    stub.answers = [SILENCE, SILENCE]
    client = ppocrvl.Client(stub.url)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(client.ocr, PICTURE)
        many = pool.submit(list, client.ocr_many([PICTURE]))
        assert all(stub.silent.acquire(timeout=SECONDS) for _ in range(2))
        client.close()
        for task in (reading, many):
            with pytest.raises(ppocrvl.CancelledError):
                task.result(SECONDS)
    assert gone(stub, 2)
    client.close()
    with pytest.raises(ppocrvl.ServerError, match="make a new Client"):
        client.ocr(PICTURE)


BEGUN: Answer = (200, {}, Beginning(b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'))


def test_closing_a_stream_wakes_who_waits_for_it(stub: Stub) -> None:
    stub.answers = [BEGUN]
    with ppocrvl.Client(stub.url) as client, ThreadPoolExecutor() as pool:
        stream = client.stream(PICTURE)
        assert next(stream) == "a"
        waiting = pool.submit(stream.wait)
        stream.close()
        with pytest.raises(ppocrvl.CancelledError):
            waiting.result(SECONDS)
        assert gone(stub, 1)


def test_dropping_a_stream_ends_its_request(stub: Stub) -> None:
    stub.answers = [BEGUN]
    with ppocrvl.Client(stub.url) as client:
        stream = client.stream(PICTURE)
        assert next(stream) == "a"
        del stream
        assert gone(stub, 1)


def test_a_client_that_nobody_closed_ends_with_its_last_user(stub: Stub) -> None:
    stub.answers = [completion("good")]
    client = ppocrvl.Client(stub.url)
    client.ocr(PICTURE)
    (thread,) = [one for one in threading.enumerate() if one.name == "ppocrvl-client"]
    del client
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_more_at_once_than_a_pool_of_connections_has_by_default(stub: Stub) -> None:
    count = 110
    stub.answers = [SILENCE] * count
    with ppocrvl.Client(stub.url, n_parallel=count) as client:
        outcomes = client.ocr_many([PICTURE] * count)
        with ThreadPoolExecutor() as pool:
            first = pool.submit(next, outcomes)
            assert all(stub.silent.acquire(timeout=SECONDS) for _ in range(count))
            client.close()
            with pytest.raises(ppocrvl.CancelledError):
                first.result(SECONDS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_after_a_fork_has_connections_of_its_own(stub: Stub) -> None:
    stub.answers = [completion(text) for text in ("parent", "child", "parent again")]
    with ppocrvl.Client(stub.url) as client:
        assert client.ocr(PICTURE).text == "parent"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if client.ocr(PICTURE).text == "child" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.ocr(PICTURE).text == "parent again"


# The command line


def test_a_picture_with_which_the_server_fails_does_not_end_the_others(
    stub: Stub, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for name in ("a.png", "b.png", "c.png"):
        names.append(str(tmp_path / name))
        shutil.copy(samples / "hello.png", names[-1])
    failed: Answer = (500, {}, b'{"error": {"message": "broken"}}')
    stub.answers = [completion("first"), failed, completion("third")]
    command = ["client", *names, "--url", stub.url, "--parallel", "1"]
    assert run_command(command) == ExitCode.SERVER
    out, err = capsys.readouterr()
    assert out == f"==> {names[0]} <==\nfirst\n\n==> {names[2]} <==\nthird\n"
    assert f"{names[1]}: the server answered with status 500: broken" in err


def test_a_server_that_refuses_whoever_asks_ends_the_command(
    stub: Stub, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.answers = [(401, {}, b'{"error": {"message": "no key"}}')] * 3
    picture = str(samples / "hello.png")
    command = ["client", picture, picture, picture, "--url", stub.url, "--parallel", "1"]
    assert run_command(command) == ExitCode.SERVER
    assert capsys.readouterr().err.count("no key") == 1
