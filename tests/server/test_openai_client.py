# SPDX-License-Identifier: Apache-2.0
"""The official client, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import openai
import pytest
from tests.server.running import data_uri, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.chat import ChatCompletionMessageParam
    from tests.server.running import Server


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as one:
        yield one


def about(*pictures: bytes, text: str = "OCR:") -> list[ChatCompletionMessageParam]:
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": data_uri(picture)}} for picture in pictures
    ]
    message = {"role": "user", "content": [*content, {"type": "text", "text": text}]}
    return [cast("ChatCompletionMessageParam", message)]


@pytest.fixture(scope="session")
def hello(samples: Path) -> str:
    return (samples / "hello.txt").read_text(encoding="utf-8").strip()


def test_completion(client: openai.OpenAI, picture: bytes, hello: str) -> None:
    done = client.chat.completions.create(model="any", messages=about(picture), logprobs=True)
    choice = done.choices[0]
    assert choice.message.content == hello
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert done.object == "chat.completion"
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.usage.prompt_tokens > 90
    assert choice.logprobs is not None
    entries = choice.logprobs.content
    assert entries is not None
    assert len(entries) == done.usage.completion_tokens
    assert b"".join(bytes(one.bytes or []) for one in entries).decode() == hello
    assert all(one.logprob <= 0 for one in entries)
    (more,) = cast("dict[str, Any]", done.model_extra)["ppocrvl"]
    assert more["confidence"] > 0.9
    assert more["image_size"] == [448, 168]


def test_stream(client: openai.OpenAI, picture: bytes, hello: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model="any",
            messages=about(picture),
            stream=True,
            logprobs=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    pieces = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert "".join(pieces) == hello
    assert sum(map(bool, pieces)) > 5, "it came all at once"
    *_, last, usage = chunks
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].logprobs is not None
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.completion_tokens == len(last.choices[0].logprobs.content or [])
    assert len({one.id for one in chunks}) == 1


def test_stream_without_usage(client: openai.OpenAI, picture: bytes) -> None:
    chunks = client.chat.completions.create(model="any", messages=about(picture), stream=True)
    assert all(one.usage is None and one.choices for one in chunks)


def test_max_tokens_and_stop(client: openai.OpenAI, picture: bytes, hello: str) -> None:
    for spelling in ("max_tokens", "max_completion_tokens"):
        options: dict[str, Any] = {spelling: 5}
        done = client.chat.completions.create(model="any", messages=about(picture), **options)
        assert done.choices[0].finish_reason == "length"
        assert done.usage is not None
        assert done.usage.completion_tokens == 5
        assert hello.startswith(done.choices[0].message.content or "?")
    done = client.chat.completions.create(model="any", messages=about(picture), stop=" world")
    assert done.choices[0].message.content == "Hello"
    assert done.choices[0].finish_reason == "stop"


def test_models(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data
    assert model.owned_by == "ppocrvl"
    assert client.models.retrieve(model.id).id == model.id
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("another")


def test_several_pictures_are_read_one_by_one(
    client: openai.OpenAI, picture: bytes, hello: str
) -> None:
    both = about(picture, picture)
    done = client.chat.completions.create(model="any", messages=both)
    assert done.choices[0].message.content == f"{hello}\n\n{hello}"
    chunks = client.chat.completions.create(model="any", messages=both, stream=True)
    pieces = [one.choices[0].delta.content or "" for one in chunks]
    assert "".join(pieces) == f"{hello}\n\n{hello}"


def test_a_picture_alone_is_read(client: openai.OpenAI, picture: bytes, hello: str) -> None:
    done = client.chat.completions.create(model="any", messages=about(picture, text=""))
    assert done.choices[0].message.content == hello


def test_seed_makes_sampling_repeatable(client: openai.OpenAI, noise: bytes) -> None:
    def read(seed: int) -> str | None:
        done = client.chat.completions.create(
            model="any", messages=about(noise), temperature=2, seed=seed, max_tokens=24
        )
        return done.choices[0].message.content

    assert read(-7) == read(-7)
    assert len({read(seed) for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"n": 2}, "n"),
        ({"top_logprobs": 3, "logprobs": True}, "top_logprobs"),
        ({"frequency_penalty": 1.0}, "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"temperature": 3.0}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    client: openai.OpenAI, picture: bytes, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="any", messages=about(picture), **options)
    assert caught.value.code == "invalid_request"
    assert caught.value.param == param


def test_errors_carry_codes_and_the_id_of_the_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="any", messages=about(b"no picture"))
    assert caught.value.code == "invalid_image"
    assert caught.value.request_id
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="any", messages=about(b"no picture"), stream=True)
    assert caught.value.code == "invalid_image", "of a stream, before it begins"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "You read."}, *about(b"x")],
        [*about(b"x"), {"role": "assistant", "content": "A text."}],
        [{"role": "assistant", "content": "A text."}],
        [*about(b"x"), *about(b"x")],
        [
            *about(b"x"),
            {"role": "assistant", "content": "A text."},
            *about(b"x", text="And here?"),
        ],
    ],
)
def test_what_is_no_conversation(client: openai.OpenAI, messages: list[Any]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="any", messages=messages)
    assert caught.value.code == "conversation_unsupported"
    assert caught.value.param
    assert caught.value.param.startswith("messages.")


def test_earlier_turns_are_gone_on_with(client: openai.OpenAI, picture: bytes) -> None:
    first = client.chat.completions.create(model="any", messages=cast("Any", about(picture)))
    messages = [
        *about(picture),
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "OCR:"},
    ]
    second = client.chat.completions.create(
        model="any", messages=cast("Any", messages), max_tokens=5
    )
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.prompt_tokens > first.usage.prompt_tokens + 5
    assert second.choices[0].finish_reason in {"stop", "length"}


async def _read_together(url: str, picture: bytes) -> list[str | None]:
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        done = await asyncio.gather(
            *(
                client.chat.completions.create(model="any", messages=about(picture))
                for _ in range(8)
            )
        )
    return [one.choices[0].message.content for one in done]


def test_many_at_once(server: Server, picture: bytes, hello: str) -> None:
    import asyncio

    assert asyncio.run(_read_together(server.url, picture)) == [hello] * 8
    wait_for(lambda: server.inside() == 0)
