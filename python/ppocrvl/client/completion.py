# SPDX-License-Identifier: Apache-2.0
"""Reading chat completions, which may be anything."""

from __future__ import annotations

from typing import Any, TypeVar

from ppocrvl.errors import ServerError

T = TypeVar("T")


def choice_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The first choice.

    Raises:
        ServerError: there is none.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ServerError("the server's answer has no choices; is it OpenAI-compatible?")
    return choices[0]


def text_of(choice: dict[str, Any], name: str) -> str:
    """The text of a message, or of a piece of one.

    Raises:
        ServerError: it is no text.
    """
    return part_of(part_of(choice, name, dict), "content", str)


def part_of(values: dict[str, Any], name: str, kind: type[T]) -> T:
    """What stands under this name; an empty one if there is none.

    Raises:
        ServerError: it is of another kind.
    """
    value = values.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ServerError(f"the server's answer has {value!r:.80} for its {name}")
    return value
