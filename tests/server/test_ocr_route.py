# SPDX-License-Identifier: Apache-2.0
"""POST /v1/ocr, with raw HTTP."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.in_process import PromptEngine, make_state, result, run
from tests.server.running import data_uri, error_of

import ppocrvl

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2
    from tests.server.running import Server

    from ppocrvl.requests.results import Result


@pytest.fixture(scope="session")
def hello(samples: Path) -> str:
    return (samples / "hello.txt").read_text(encoding="utf-8").strip()


def files(*pictures: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("image", ("a.png", picture)) for picture in pictures]


def test_form_gives_all_that_a_result_has(server: Server, samples: Path, hello: str) -> None:
    answer = server.post("/v1/ocr", files=files((samples / "hello.png").read_bytes()))
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    expected = ppocrvl.ocr(samples / "hello.png")
    assert result["text"] == hello == expected.text
    for name in ("finish_reason", "task", "repeated_tokens"):
        assert result[name] == getattr(expected, name)
    assert result["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
    assert tuple(result["resized"]) == expected.resized
    assert [one["text"] for one in result["lines"]] == hello.split("\n")
    assert set(result["timings"]) >= {"queue", "encode", "prefill", "decode", "preprocess"}
    assert "token_ids" not in result


def test_form_fields_are_options(server: Server, samples: Path) -> None:
    table = (samples / "table.png").read_bytes()
    fields = {"task": "table", "max_tokens": "3", "tokens": "true", "max_pixels": "100000"}
    answer = server.post("/v1/ocr", files=files(table), data=fields)
    (result,) = answer.json()["results"]
    assert result["task"] == "table"
    assert result["finish_reason"] == "length"
    assert len(result["token_ids"]) == len(result["logprobs"]) == 3
    assert result["resized"][0] * result["resized"][1] <= 100_000


@pytest.mark.parametrize("form", ["uri", "bare"])
def test_json(server: Server, picture: bytes, hello: str, form: str) -> None:
    text = data_uri(picture) if form == "uri" else base64.b64encode(picture).decode()
    answer = server.post("/v1/ocr", json={"image": text, "retry": True})
    assert answer.json()["results"][0]["text"] == hello


def chat_about(picture: bytes, **fields: Any) -> dict[str, Any]:
    parts = [
        {"type": "image_url", "image_url": {"url": data_uri(picture)}},
        {"type": "text", "text": "OCR:"},
    ]
    return {"messages": [{"role": "user", "content": parts}], **fields}


def test_a_draft_changes_nothing(server: Server, picture: bytes, hello: str) -> None:
    """How much of it is used depends on how long steps take."""
    body = {"image": data_uri(picture), "tokens": True}
    (first,) = server.post("/v1/ocr", json=body).json()["results"]
    for draft in (hello, first["token_ids"], "auto", "of another kind"):
        (read,) = server.post("/v1/ocr", json={**body, "draft": draft}).json()["results"]
        assert (read["text"], read["token_ids"]) == (hello, first["token_ids"])
        assert read["timings"]["accepted_tokens"] <= read["timings"]["drafted_tokens"]
    answer = server.post("/v1/chat/completions", json=chat_about(picture, draft=hello)).json()
    assert answer["choices"][0]["message"]["content"] == hello
    assert "accepted_tokens" in answer["ppocrvl"][0]["timings"]


def test_drafts_reach_the_engine(picture: bytes) -> None:
    async def read(_: object) -> Result:
        return result()

    engine = PromptEngine(read)

    async def talk(client: httpx2.AsyncClient) -> None:
        body = {"image": data_uri(picture)}
        for draft in ("text", [5, 6]):
            await client.post("/v1/ocr", json={**body, "draft": draft})
        await client.post("/v1/ocr", files={"image": picture}, data={"draft": "form"})
        await client.post("/v1/chat/completions", json=chat_about(picture, draft="chat"))
        await client.post("/v1/ocr", json=body)

    run(make_state(engine), talk)
    given = [options.get("draft") for options in engine.options]
    assert given == ["text", [5, 6], "form", "chat", None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"draft": ""},
        {"draft": 7},
        {"draft": [-1]},
        {"draft": [99_999_999]},
        {"draft": "x" * 1_000_001},
        {"draft": "x", "temperature": 0.5},
    ],
)
def test_drafts_that_cannot_be(server: Server, picture: bytes, wrong: dict[str, Any]) -> None:
    answer = server.post("/v1/ocr", json={"image": data_uri(picture), **wrong})
    assert error_of(answer, 400) == "invalid_request"


def test_stream_is_lines_of_json(server: Server, picture: bytes, hello: str) -> None:
    answer = server.post("/v1/ocr", json={"images": [data_uri(picture)] * 2, "stream": True})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    for number in (0, 1):
        pieces = [one["piece"] for one in lines if one["index"] == number and "piece" in one]
        assert "".join(pieces) == hello
        assert len(pieces) > 5
    results = [one for one in lines if "text" in one]
    assert [one["index"] for one in results] == [0, 1]
    assert all(one["text"] == hello and one["lines"] for one in results)


@pytest.mark.parametrize("stream", ["false", "true"])
def test_one_bad_picture_does_not_sink_the_rest(
    server: Server, picture: bytes, hello: str, stream: str
) -> None:
    answer = server.post(
        "/v1/ocr", files=files(picture, b"no picture", picture), data={"stream": stream}
    )
    assert answer.status_code == 200
    if stream == "true":
        outcomes = [json.loads(line) for line in answer.text.splitlines()]
        outcomes = [one for one in outcomes if "piece" not in one]
    else:
        outcomes = answer.json()["results"]
    assert [one.get("text") for one in outcomes] == [hello, None, hello]
    assert outcomes[1]["error"]["code"] == "invalid_image"


@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_picture_alone_is_an_error(server: Server, *, stream: bool) -> None:
    body = {"image": data_uri(b"no picture"), "stream": stream}
    assert error_of(server.post("/v1/ocr", json=body), 400) == "invalid_image"


BOUNDARY = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "invalid_body"),
        (b"{", "application/json", 400, "invalid_body"),
        (b"[]", "application/json", 400, "invalid_body"),
        (b'{"image": "\xff"}', "application/json", 400, "invalid_body"),
        (b'{"image": "\\ud800"}', "application/json", 400, "invalid_body"),
        (b'{"\\uDfff": 1}', "application/json", 400, "invalid_body"),
        (b'{"prompt": "\\ud83d\\ude00"}', "application/json", 400, "image_required"),
        (b'{"temperature": NaN}', "application/json", 400, "invalid_body"),
        (b"[" * 100_000, "application/json", 400, "invalid_body"),
        (b'{"a":' * 100_000, "application/json", 400, "invalid_body"),
        (b"{}", "application/json", 400, "image_required"),
        (b'{"image": 7}', "application/json", 400, "invalid_request"),
        (b'{"image": "A", "task": "nonsense"}', "application/json", 400, "invalid_request"),
        (b'{"image": "A", "max_tokens": "7"}', "application/json", 400, "invalid_request"),
        (b'{"image": "A", "max_tokens": 1e999}', "application/json", 400, "invalid_request"),
        (b'{"image": "A"}', "application/json", 400, "invalid_image_url"),
        (b'{"image": "data:image/png,AAAA"}', "application/json", 400, "invalid_image_url"),
        (b'{"image": "data:"}', "application/json", 400, "invalid_image_url"),
        (b'{"image": "file:///etc/passwd"}', "application/json", 400, "invalid_image_url"),
        (b'{"image": "/etc/passwd"}', "application/json", 400, "invalid_image_url"),
        (b'{"image": "http://127.0.0.1/"}', "application/json", 400, "url_fetch_disabled"),
        (b'{"image": ""}', "application/json", 400, "invalid_image"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "", 415, "unsupported_media_type"),
        (b"--x", BOUNDARY, 400, "image_required"),
        (b"--y\r\n", BOUNDARY, 400, "invalid_body"),
        (b"", "multipart/form-data", 400, "invalid_body"),
        (b"--x\r\n\r\n\r\n--x--\r\n", BOUNDARY, 400, "invalid_body"),
        (
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nA\r\n' * 100 + b"--x--",
            BOUNDARY,
            400,
            "invalid_body",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nA\r\n--x--',
            BOUNDARY,
            400,
            "invalid_request",
        ),
    ],
)
def test_malformed(server: Server, body: bytes, kind: str, status: int, code: str) -> None:
    headers = {"content-type": kind} if kind else {}
    assert error_of(server.post("/v1/ocr", content=body, headers=headers), status) == code


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/ocr", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("GET", "/v1/../etc/passwd", 404, "not_found"),
        ("GET", "/health/", 404, "not_found"),
    ],
)
def test_paths(server: Server, verb: str, path: str, status: int, code: str) -> None:
    import httpx2

    assert error_of(httpx2.request(verb, server.url + path), status) == code


def test_strict_text_is_an_error_of_its_own(
    endless_server: Server, noise: bytes, endless_model: Path
) -> None:
    with ppocrvl.Engine(endless_model) as engine:
        byte = engine._open().tokenize("\U0001f600")[-1]
    body: dict[str, Any] = {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": data_uri(noise)}],
            }
        ],
        "utf8": "strict",
        "max_tokens": 8,
        "stop_loops": False,
        "logit_bias": {str(byte): 100},
    }
    answer = endless_server.post("/v1/chat/completions", json=body)
    assert error_of(answer, 422) == "invalid_text"
    assert endless_server.get("/health").status_code == 200
