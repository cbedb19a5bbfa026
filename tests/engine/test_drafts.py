# SPDX-License-Identifier: Apache-2.0
"""Drafts with the built-in model: the answers are those without."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

import ppocrvl
from ppocrvl.engine.retries import Attempts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def reader() -> Iterator[ppocrvl.Engine]:
    """The built-in model, three pictures at once.

    New for each test: how much is drafted depends on how long steps took. What no step has tried
    yet is drafted for certain.
    """
    with ppocrvl.Engine(n_parallel=3) as engine:
        yield engine


def what_was_read(result: ppocrvl.Result) -> tuple[object, ...]:
    return (result.text, result.finish_reason, result.token_ids, result.token_ends)


def other_letters(text: str, one_in: int) -> str:
    return "".join("#" if i % one_in == 0 else c for i, c in enumerate(text))


@pytest.mark.parametrize(("name", "task"), [("hello.png", "ocr"), ("table.png", "table")])
def test_the_answer_is_the_same(
    reader: ppocrvl.Engine, samples: Path, name: str, task: str
) -> None:
    plain = reader.ocr(samples / name, task=task)
    assert (plain.timings.drafted_tokens, plain.timings.accepted_tokens) == (0, 0)
    right = reader.ocr(samples / name, task=task, draft=plain.text)
    assert what_was_read(right) == what_was_read(plain)
    assert 0 < right.timings.accepted_tokens <= right.timings.drafted_tokens
    drafts: tuple[Any, ...] = (
        plain.token_ids,
        list(plain.token_ids),
        "auto",
        other_letters(plain.text, 5),
        plain.text.upper().replace(" ", "\n"),
        "nothing of the kind",
        "<fcel>" * 50,
        "</s><|IMAGE_END|>\0",
    )
    for draft in drafts:
        result = reader.ocr(samples / name, task=task, draft=draft)
        assert what_was_read(result) == what_was_read(plain)
        assert result.logprobs == pytest.approx(plain.logprobs, abs=0.1)


def test_several_together(reader: ppocrvl.Engine, samples: Path) -> None:
    plain = reader.ocr(samples / "table.png", task="table")
    requests = [
        ppocrvl.Request(samples / "table.png", task="table", draft=draft)
        for draft in (plain.text, None, "auto", other_letters(plain.text, 9), plain.text)
    ]
    for outcome in reader.ocr_many(requests):
        assert isinstance(outcome, ppocrvl.Result)
        assert what_was_read(outcome) == what_was_read(plain)
        if requests[outcome.index].draft is None:
            assert outcome.timings.drafted_tokens == 0


def test_pieces_come_as_without(reader: ppocrvl.Engine, samples: Path) -> None:
    plain = reader.ocr(samples / "table.png", task="table")
    with reader.stream(samples / "table.png", task="table", draft=plain.text) as stream:
        assert "".join(stream) == plain.text
    assert stream.result.timings.accepted_tokens > 0


def test_a_deterministic_engine_guesses_nothing(samples: Path) -> None:
    with ppocrvl.Engine(deterministic=True) as engine:
        assert not engine.takes_drafts
        plain = engine.ocr(samples / "hello.png")
        result = engine.ocr(samples / "hello.png", draft=plain.text)
    assert result.timings.drafted_tokens == 0
    assert result.logprobs == plain.logprobs


def test_a_token_that_is_none(reader: ppocrvl.Engine, samples: Path) -> None:
    with pytest.raises(ppocrvl.OptionError, match="draft has token 99999999"):
        reader.ocr(samples / "hello.png", draft=[99_999_999])


def test_a_draft_of_a_million_characters(reader: ppocrvl.Engine, samples: Path) -> None:
    plain = reader.ocr(samples / "hello.png")
    result = reader.ocr(samples / "hello.png", draft=plain.text + "Zahl 123 " * 110_000)
    assert what_was_read(result) == what_was_read(plain)
    assert result.timings.accepted_tokens > 0


@pytest.mark.parametrize(("draft", "later"), [(None, None), ("auto", "first"), ("x", "first")])
def test_a_retry_has_the_first_answer_as_its_draft(draft: str | None, later: str | None) -> None:
    asked = ppocrvl.RequestOptions(retry=ppocrvl.Retry(below=0.5), draft=draft)
    attempts = Attempts(asked)
    times = ppocrvl.Timings(0, 0, 0, 0, 0, 0, 4, 12, 1)
    first = ppocrvl.Result("first", "stop", 0.1, "ocr", (28, 28), (56, 56), times, (), (-2.0,))
    second = attempts.next(first)
    assert second is not None
    assert second.draft == later
    third = attempts.next(dataclasses.replace(first, text="second"))
    assert third is not None
    assert third.draft == later


def test_a_retry_after_no_answer_keeps_the_draft() -> None:
    asked = ppocrvl.RequestOptions(retry=ppocrvl.Retry(below=0.5), draft="x")
    times = ppocrvl.Timings(0, 0, 0, 0, 0, 0, 4, 12, 1)
    empty = ppocrvl.Result("", "stop", 0.0, "ocr", (28, 28), (56, 56), times, (), ())
    second = Attempts(asked).next(empty)
    assert second is not None
    assert second.draft == "x"
