# SPDX-License-Identifier: Apache-2.0
"""The client on our own server, and on stand-ins: for servers of others, and for broken ones."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.client.stub import completion
from tests.server.running import Server

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.client.stub import Answer, Stub


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--parallel", 2, "--max-waiting", 1).wait_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[ppocrvl.Client]:
    with ppocrvl.Client(server.url, retries=20) as one:
        yield one


@pytest.fixture(scope="module")
def engine() -> Iterator[ppocrvl.Engine]:
    with ppocrvl.Engine() as one:
        yield one


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"task": "table"},
        {"max_tokens": 3},
        {"prompt": "Read it:", "task": "formula", "max_tokens": 20},
        {"task": "spotting", "max_tokens": 20},
        {"min_pixels": 784, "max_pixels": 50_000},
        {"keep_location_tokens": True},
        {"draft": "Hello world!"},
        {"stop": ["Total", "world"]},
        {"retry": ppocrvl.Retry(below=1.0)},
        {"temperature": 1.0, "seed": 7, "top_p": 0.9, "repetition_penalty": 1.2, "max_tokens": 20},
    ],
)
def test_same_result_as_the_engine(
    client: ppocrvl.Client, engine: ppocrvl.Engine, samples: Path, options: Any
) -> None:
    for name in ("hello.png", "table.png"):
        here = engine.ocr(samples / name, **options)
        there = client.ocr(samples / name, **options)
        for field in ("text", "finish_reason", "task", "image_size", "resized", "token_ids"):
            assert getattr(there, field) == getattr(here, field), field
        assert there.token_ends == here.token_ends
        # In another place of the cache attention sums in another order.
        assert there.logprobs == pytest.approx(here.logprobs, abs=0.05)
        assert len(there.lines) == len(here.lines)
        assert len(there.attempts) == len(here.attempts)
        assert there.timings.prompt_tokens == here.timings.prompt_tokens


def test_every_kind_of_picture(client: ppocrvl.Client, samples: Path) -> None:
    path = samples / "hello.png"
    expected = client.ocr(path).text
    with path.open("rb") as file, Image.open(path) as picture:
        for source in (str(path), path.read_bytes(), file, picture, np.asarray(picture)):
            assert client.ocr(source).text == expected


def test_stream(client: ppocrvl.Client, samples: Path) -> None:
    expected = client.ocr(samples / "hello.png")
    with client.stream(samples / "hello.png") as stream:
        pieces = list(stream)
    assert "".join(pieces) == expected.text == stream.result.text
    assert len(pieces) > 5
    assert stream.result.token_ids == expected.token_ids
    with client.stream(samples / "hello.png") as stream, pytest.raises(ppocrvl.ServerError):
        _ = stream.result


def test_closing_a_stream_frees_the_server(client: ppocrvl.Client, server: Server) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (560, 560, 3), dtype=np.uint8)
    with client.stream(noise, stop_loops=False, min_pixels=300_000) as stream:
        next(stream, None)
    from tests.server.running import wait_for

    wait_for(lambda: server.inside() == 0, seconds=10)


def test_many(client: ppocrvl.Client, samples: Path) -> None:
    """More at once than the server takes: what it refuses is sent again."""
    path = samples / "hello.png"
    outcomes = list(client.ocr_many([path, "missing.png", *[path] * 6, b"no picture"]))
    assert [isinstance(one, ppocrvl.Result) for one in outcomes] == [
        *(True, False),
        *[True] * 6,
        False,
    ]
    assert isinstance(outcomes[1], ppocrvl.ImageNotFoundError)
    assert isinstance(outcomes[-1], ppocrvl.ImageError)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_tokens": 0}, ppocrvl.OptionError),
        ({"task": "nonsense"}, ppocrvl.OptionError),
        ({"grammar": "root ::= [a]"}, ppocrvl.OptionError),
        ({"priority": 1}, ppocrvl.OptionError),
        ({"min_pixels": 900, "max_pixels": 800}, ppocrvl.OptionError),
        ({"prompt": "x y " * 8000}, ppocrvl.ContextError),
    ],
)
def test_errors_are_those_of_the_engine(
    client: ppocrvl.Client, samples: Path, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.ocr(samples / "hello.png", **options)


def test_no_server(samples: Path) -> None:
    with (
        ppocrvl.Client("http://127.0.0.1:9", retries=1) as nobody,
        pytest.raises(ppocrvl.ServerError, match="is the server running"),
    ):
        nobody.ocr(samples / "hello.png")
    for url in ("", "127.0.0.1:8080", "ftp://127.0.0.1"):
        with pytest.raises(ppocrvl.OptionError, match="address"):
            ppocrvl.Client(url)


def test_other_servers_get_the_picture_as_the_encoder_is_to_see_it(
    stub: Stub, samples: Path
) -> None:
    entries = [
        {"token": "ab", "logprob": -0.1, "bytes": [97, 98], "id": 5},
        {"token": "<|LOC_7|>", "logprob": -9.0},
        {"token": "é", "logprob": -0.2},
    ]
    stub.answers = [completion("ab<|LOC_7|>é", reason="length", logprobs={"content": entries})]
    with ppocrvl.Client(stub.url) as client:
        result = client.ocr(samples / "hello.png", max_tokens=9)
    assert result.text == "abé"
    assert result.finish_reason == "length"
    assert result.logprobs == (-0.1, -0.2)
    assert result.token_ends == (2, 4)
    assert result.confidence == pytest.approx((np.exp(-0.1) + np.exp(-0.2)) / 2)
    assert result.image_size == (448, 168)
    assert (result.timings.prompt_tokens, result.timings.generated_tokens) == (7, 3)
    (body,) = stub.bodies
    assert body["model"] == "theirs"
    assert body["max_tokens"] == 9
    assert body["temperature"] == 0
    assert "mm_processor_kwargs" not in body
    image, text = body["messages"][0]["content"]
    assert text["text"] == "OCR:"
    with urllib.request.urlopen(image["image_url"]["url"]) as data:
        sent = Image.open(io.BytesIO(data.read()))
    assert sent.size == result.resized
    assert sent.width % 28 == sent.height % 28 == 0
    assert 112_896 <= sent.width * sent.height <= 1_003_520


def test_stream_of_another_server(stub: Stub, samples: Path) -> None:
    events = [
        {"choices": [{"delta": {"role": "assistant", "content": None}}]},
        {"choices": [{"delta": {"content": "ab"}}]},
        {"choices": [{"delta": {"content": "c"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}},
    ]
    lines = ": ping\n\n" + "".join(f"data: {json.dumps(one)}\n\n" for one in events)
    stub.answers = [(200, {}, (lines + "data: [DONE]\n\n").encode())]
    with ppocrvl.Client(stub.url) as client:
        stream = client.stream(samples / "hello.png")
        assert list(stream) == ["ab", "c"]
    assert stream.result.text == "abc"
    assert stream.result.timings.generated_tokens == 2


def test_other_servers_take_no_draft(stub: Stub, samples: Path) -> None:
    with (
        ppocrvl.Client(stub.url) as client,
        pytest.raises(ppocrvl.OptionError, match="draft is for a server of ppocrvl"),
    ):
        client.ocr(samples / "hello.png", draft="x")
    assert stub.bodies == []


def test_trying_again(stub: Stub, samples: Path) -> None:
    busy: Answer = (429, {"retry-after": "0"}, b"{}")
    stub.answers = [busy, (503, {"retry-after": "0"}, b"no JSON"), completion("good")]
    with ppocrvl.Client(stub.url, retries=2) as client:
        assert client.ocr(samples / "hello.png").text == "good"
        assert len(stub.bodies) == 3
        queue = b'{"error": {"code": "queue_full", "message": "full"}}'
        stub.answers = [busy, busy, (429, {}, queue)]
        with pytest.raises(ppocrvl.QueueFullError, match="full"):
            client.ocr(samples / "hello.png")


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b'{"error": {"message": "broken"}}'),
        (500, {}, b'{"error": "broken"}'),
        (404, {}, b"<html>"),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"choices": [{"logprobs": {"content": [{"token": 7}]}}]}'),
        (200, {}, b'{"choices": [{}], "ppocrvl": [{}]}'),
    ],
)
def test_nonsense(stub: Stub, samples: Path, answer: Answer) -> None:
    with ppocrvl.Client(stub.url, retries=0) as client:
        stub.answers = [answer]
        with pytest.raises(ppocrvl.ServerError):
            client.ocr(samples / "hello.png")


@pytest.mark.parametrize("text", [b"", b'data: {"error": {"message": "x"}}\n\n', b"data: {\n\n"])
def test_streams_that_break_off(stub: Stub, samples: Path, text: bytes) -> None:
    with ppocrvl.Client(stub.url, retries=0) as client:
        stub.answers = [(200, {}, text)]
        with pytest.raises(ppocrvl.ServerError):
            client.stream(samples / "hello.png").wait()


def run(*arguments: object) -> tuple[int, str, str]:
    """The command line in this process: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def ways(server: Server) -> dict[str, Callable[..., tuple[int, str, str]]]:
    return {
        "client": lambda *names: run("client", *names, "--url", server.url),
        "ocr": lambda *names: run("ocr", *names, "--server", server.url),
    }


@pytest.mark.parametrize("way", ["client", "ocr"])
def test_commands(server: Server, samples: Path, way: str) -> None:
    read = ways(server)[way]
    hello, table = samples / "hello.png", samples / "table.png"
    text = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert read(hello) == (0, f"{text}\n", "")
    code, out, err = read(hello, table, "--json", "--task", "table")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [one["image"] for one in lines] == [str(hello), str(table)]
    assert "<fcel>" in lines[1]["text"]
    assert code == 0
    assert "2 of 2 images" in err
    code, out, err = read(hello, "missing.png")
    assert code == ExitCode.IMAGE
    assert out == f"==> {hello} <==\n{text}\n"
    assert "no such image" in err


def test_flags_of_the_client(server: Server, samples: Path) -> None:
    hello = samples / "hello.png"
    code, out, err = run("client", hello, "--url", server.url, "--stream", "--max-tokens", 5)
    assert (code, out) == (0, "Hello\n")
    assert "cut off after 5 tokens" in err
    text = run("client", hello, "--url", server.url, "--text", "OCR:", "--no-stream")
    assert text[1].startswith("Hello world!")
    code, _, err = run("ocr", hello, "--server", server.url, "--model", "x")
    assert code == ExitCode.USAGE
    assert "--model is not with --server" in err
    code, _, err = run("client", hello, "--url", "http://127.0.0.1:9", "--retries", 0)
    assert code == ExitCode.SERVER
    assert err.count("\n") == 1


def test_key_from_the_environment(tmp_path: Path, samples: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret-key\n", encoding="utf-8")
    running = Server("--api-key-file", keys).wait_ready()
    try:
        command = [sys.executable, "-m", "ppocrvl", "client", str(samples / "hello.png")]
        for key, code in (("secret-key", 0), ("wrong-key", ExitCode.SERVER)):
            done = subprocess.run(
                [*command, "--url", running.url],
                env={**os.environ, "PPOCRVL_API_KEY": key},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == code, done.stderr
    finally:
        assert running.stop() == 0
