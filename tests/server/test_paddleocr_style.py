# SPDX-License-Identifier: Apache-2.0
"""Requests as PaddleOCR's document parser sends them to its server backends.

PaddleX 3.7, `inference/models/doc_vlm/predictor.py`: a picture, then the prompt; the rest below.
The parser itself needs Paddle, so its requests are built here by hand, for the client that it uses.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import openai
import pytest
from PIL import Image
from tests.server.running import data_uri, wait_for

import ppocrvl

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import Server


def jpeg(picture: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def ask(server: Server, uri: str, query: str, **options: Any) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="null", max_retries=0) as client:
        model = client.models.list().data[0].id
        content = [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": query},
        ]
        messages: Any = [{"role": "user", "content": content}]
        return client.chat.completions.create(model=model, messages=messages, **options)


def vllm_server(server: Server, picture: bytes, query: str, **extra: Any) -> Any:
    uri = data_uri(jpeg(picture)).replace("image/png", "image/jpeg")
    body = {"skip_special_tokens": True, **extra}
    return ask(server, uri, query, temperature=0, max_completion_tokens=4096, extra_body=body)


def llama_cpp_server(server: Server, picture: bytes, query: str, **extra: Any) -> Any:
    body = {"skip_special_tokens": True, **extra}
    return ask(server, data_uri(picture), query, temperature=0, max_tokens=8192, extra_body=body)


@pytest.mark.parametrize("backend", [vllm_server, llama_cpp_server])
def test_text(server: Server, picture: bytes, backend: Any) -> None:
    done = backend(server, picture, "OCR:")
    assert done.choices[0].message.content.startswith("Hello world!\nThis picture")
    assert done.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("backend", [vllm_server, llama_cpp_server])
def test_tables_are_told_by_their_prompt(server: Server, samples: Path, backend: Any) -> None:
    done = backend(server, (samples / "table.png").read_bytes(), "Table Recognition:")
    assert "<fcel>" in done.choices[0].message.content
    name = done.id.removeprefix("chatcmpl-")
    wait_for(lambda: any(one["id"] == name for one in server.requests))
    (line,) = [one for one in server.requests if one["id"] == name]
    assert line["task"] == "table"


def test_pixel_limits_are_honoured(server: Server, picture: bytes) -> None:
    limits = {"min_pixels": 784, "max_pixels": 7840}
    done = vllm_server(server, picture, "OCR:", mm_processor_kwargs=limits)
    (more,) = done.model_extra["ppocrvl"]
    width, height = more["resized"]
    assert width * height <= 7840
    plain = vllm_server(server, picture, "OCR:").model_extra["ppocrvl"][0]["resized"]
    assert plain == [504, 196]  # by the model's own limits


@pytest.mark.parametrize("name", ["repetition_penalty", "repeat_penalty"])
def test_penalty_is_honoured(server: Server, picture: bytes, name: str) -> None:
    plain = vllm_server(server, picture, "OCR:").choices[0].message.content
    strong = vllm_server(server, picture, "OCR:", **{name: 10.0}, stop_loops=False, max_tokens=60)
    assert strong.choices[0].message.content != plain


@pytest.fixture(scope="session")
def location_token(endless_model: Path) -> str:
    """The id of a location token."""
    with ppocrvl.Engine(endless_model) as engine:
        (token,) = engine._open().tokenize("<|LOC_5|>")
    return str(token)


@pytest.mark.parametrize(
    ("query", "skip", "kept"),
    [
        ("Spotting:", None, True),
        ("Spotting:", False, True),
        ("Spotting:", True, False),
        ("OCR:", None, False),
        ("OCR:", False, True),
    ],
)
def test_location_tokens(
    endless_server: Server,
    noise: bytes,
    location_token: str,
    query: str,
    skip: bool | None,  # noqa: FBT001
    kept: bool,  # noqa: FBT001
) -> None:
    body: dict[str, Any] = {} if skip is None else {"skip_special_tokens": skip}
    bias = {location_token: 100}
    done = ask(
        endless_server, data_uri(noise), query, max_tokens=4, logit_bias=bias, extra_body=body
    )
    text = done.choices[0].message.content
    assert text == ("<|LOC_5|>" * 4 if kept else "")


def test_a_block_that_runs_out_of_tokens_is_an_answer(server: Server, picture: bytes) -> None:
    done = vllm_server(server, picture, "OCR:", max_tokens=3)
    assert done.choices[0].finish_reason in {"length", "stop"}
    done = ask(server, data_uri(picture), "OCR:", max_tokens=3)
    assert done.choices[0].finish_reason == "length"
    assert done.choices[0].message.content


def test_a_block_that_loops_is_an_answer(endless_server: Server, noise: bytes) -> None:
    """The bias makes one token win always."""
    done = ask(
        endless_server,
        data_uri(noise),
        "OCR:",
        max_tokens=4000,
        logit_bias={"300": 100},
    )
    assert done.choices[0].finish_reason == "length"
    (more,) = done.model_extra["ppocrvl"]
    assert more["finish_reason"] == "repetition"
    assert more["repeated_tokens"] > 0
