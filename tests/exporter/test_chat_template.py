# SPDX-License-Identifier: Apache-2.0
"""The chat template renders what the official one renders."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

from ppocrvl.exporter.chat_template import chat_template
from ppocrvl.exporter.version import ModelVersion

IMAGE = {"type": "image"}
MESSAGES: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": [IMAGE, {"type": "text", "text": "OCR:"}]}],
    [
        {
            "role": "user",
            "content": [{"type": "text", "text": " a "}, IMAGE, {"type": "text", "text": "b\n"}],
        }
    ],
    [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [IMAGE, IMAGE, {"type": "text", "text": "Table Recognition:"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "<fcel>1<nl>"}]},
        {"role": "user", "content": [{"type": "text", "text": "Again"}]},
    ],
    [],
]


def official(messages: list[dict[str, Any]], start: str, *, prompt: bool) -> str:
    """The rule of the official template: all images of a turn, then all of its texts."""
    result = "<|begin_of_sentence|>"
    for message in messages:
        images = [p for p in message["content"] if p["type"] == "image"]
        texts = "".join(p["text"] for p in message["content"] if p["type"] == "text")
        if message["role"] == "user":
            shown = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>" * len(images)
            result += f"User: {shown}{texts}\n"
        elif message["role"] == "system":
            result += f"{texts}\n"
        else:
            result += f"{start}{texts}</s>"
    return result + (start if prompt else "")


def render(version: ModelVersion, messages: list[dict[str, Any]], *, prompt: bool = True) -> str:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701
    template = environment.from_string(chat_template(version, "</s>"))
    return str(template.render(messages=messages, add_generation_prompt=prompt))


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("messages", MESSAGES)
@pytest.mark.parametrize(
    ("version", "start"),
    [
        (ModelVersion.V1_0, "Assistant: "),
        (ModelVersion.V1_5, "Assistant:\n"),
        (ModelVersion.V1_6, "Assistant:\n"),
    ],
)
def test_renders_as_the_official_template(
    version: ModelVersion, start: str, messages: list[dict[str, Any]], *, prompt: bool
) -> None:
    assert render(version, messages, prompt=prompt) == official(messages, start, prompt=prompt)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("<__media__>OCR:", "<__media__>OCR:"),
        ("OCR:<__media_x7__>", "<__media_x7__>OCR:"),
        ("a<__media_1__>b<__media_2__>c", "<__media_1__><__media_2__>abc"),
        ("<__media", "<__media"),
        ("a __> b", "a __> b"),
        ("", ""),
    ],
)
def test_string_content_as_llama_server_gives_it(content: str, shown: str) -> None:
    messages = [{"role": "user", "content": content}]
    expected = f"<|begin_of_sentence|>User: {shown}\nAssistant:\n"
    assert render(ModelVersion.V1_6, messages) == expected


def test_media_markers_go_before_texts_and_stand_alone() -> None:
    """mtmd itself puts the image tokens around the marker."""
    marker = {"type": "media_marker", "text": "<__media__>"}
    messages = [{"role": "user", "content": [{"type": "text", "text": "OCR:"}, marker]}]
    expected = "<|begin_of_sentence|>User: <__media__>OCR:\nAssistant:\n"
    assert render(ModelVersion.V1_6, messages) == expected


def test_engine_can_tell_the_version_by_the_template() -> None:
    assert "Assistant: " in chat_template(ModelVersion.V1_0, "</s>")
    for version in (ModelVersion.V1_5, ModelVersion.V1_6):
        assert "Assistant: " not in chat_template(version, "</s>")
