# SPDX-License-Identifier: Apache-2.0
"""Several turns about one picture, and conversations without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]


def user(text: str) -> ppocrvl.Message:
    return {"role": "user", "content": text}


def assistant(text: str) -> ppocrvl.Message:
    return {"role": "assistant", "content": text}


def test_next_turn_reads_only_what_is_new(endless_model: Path, picture: Picture) -> None:
    with ppocrvl.Engine(endless_model) as engine:
        first = engine.ocr(picture, messages=[user("OCR:")], max_tokens=12)
        assert first.timings.reused_tokens == 0
        turns = [user("OCR:"), assistant(first.text), user("And now?")]
        second = engine.ocr(picture, messages=turns, max_tokens=12)
        assert second.timings.cached_image
        assert first.timings.prompt_tokens <= second.timings.reused_tokens
        assert second.timings.reused_tokens < second.timings.prompt_tokens
        # A question about it that goes on from nothing but the picture.
        third = engine.ocr(picture, prompt="What is it?", max_tokens=2)
        assert third.timings.reused_tokens >= third.timings.image_tokens
        other = engine.ocr(255 - picture, messages=turns, max_tokens=2)
        assert other.timings.reused_tokens == 0


def test_a_message_is_what_a_prompt_is(endless_model: Path, picture: Picture) -> None:
    with ppocrvl.Engine(endless_model) as engine:
        one = engine.ocr(picture, messages=[user("OCR:")], max_tokens=9)
        assert engine.ocr(picture, max_tokens=9).token_ids == one.token_ids
        assert engine.ocr(picture, prompt="OCR:", max_tokens=9).logprobs == one.logprobs


def test_deterministic_turns_are_those_of_fresh_engines(
    endless_model: Path, picture: Picture
) -> None:
    turns = [user("OCR:")]
    with ppocrvl.Engine(endless_model, deterministic=True, n_parallel=2) as engine:
        for round_ in range(3):
            found = engine.ocr(picture, messages=turns, max_tokens=20)
            assert (found.timings.reused_tokens > 0) == (round_ > 0)
            with ppocrvl.Engine(endless_model, deterministic=True, n_parallel=2) as fresh:
                expected = fresh.ocr(picture, messages=turns, max_tokens=20)
            assert found.token_ids == expected.token_ids
            assert found.logprobs == expected.logprobs
            turns += [assistant(found.text), user("more " * 100)]


def test_every_form_takes_messages_and_no_picture(endless_model: Path) -> None:
    turns = [user("One?"), assistant("Two."), user("Three?")]

    async def ask(engine: ppocrvl.Engine) -> list[str]:
        whole = await engine.aocr(None, messages=turns, max_tokens=5)
        async with await engine.astream(None, messages=turns, max_tokens=5) as stream:
            pieces = [piece async for piece in stream]
        return [whole.text, "".join(pieces)]

    with ppocrvl.Engine(endless_model, deterministic=True) as engine:
        result = engine.ocr(None, messages=turns, max_tokens=5)
        assert result.image_size == result.resized == (0, 0)
        assert result.timings.image_tokens == 0
        texts = {result.text, engine.submit(None, messages=turns, max_tokens=5).result(30).text}
        texts.add("".join(engine.stream(None, messages=turns, max_tokens=5)))
        assert texts | set(asyncio.run(ask(engine))) == {result.text}
        assert engine.ocr(None, prompt="One?", max_tokens=1).timings.generated_tokens == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"messages": []}, "at least one message"),
        ({"messages": "OCR:"}, "messages must be a list"),
        ({"messages": ["OCR:"]}, r"messages\[0\] must have a role"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\] must have a role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "has the role 'tool'"),
        ({"messages": [{"role": "user", "content": None}]}, r"messages\[0\] must be a text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "not valid Unicode"),
        ({"messages": [user("a"), assistant("b")]}, "must be the user's"),
        ({"messages": [user("a")], "prompt": "a"}, "exclude each other"),
    ],
)
def test_messages_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ppocrvl.RequestOptions(**options)


def test_without_a_picture_there_must_be_a_text(endless_model: Path) -> None:
    with ppocrvl.Engine(endless_model) as engine:
        with pytest.raises(OptionError, match="without an image"):
            engine.ocr(None)
        with pytest.raises(OptionError, match="without an image"):
            engine.ocr(None, prompt="a", retry=ppocrvl.Retry())
