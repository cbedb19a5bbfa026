# SPDX-License-Identifier: Apache-2.0
"""What a request gives back."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from ppocrvl.requests.results import Result, Timings, mean_probability

RESULT = Result(
    text="Grüße\n1.50",
    finish_reason="stop",
    confidence=0.5,
    task="ocr",
    image_size=(300, 24),
    resized=(1204, 112),
    timings=Timings(0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 172, 185, 2),
    token_ids=(5, 6),
    logprobs=(-0.1, -0.2),
    token_ends=(8, 12),
)


def test_str_is_the_text() -> None:
    assert str(RESULT) == "Grüße\n1.50"


def test_result_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RESULT.text = ""  # type: ignore[misc]
    assert not hasattr(RESULT, "__dict__")


def test_dict_goes_through_json() -> None:
    values = RESULT.to_dict()
    assert json.loads(json.dumps(values)) == {
        "text": "Grüße\n1.50",
        "finish_reason": "stop",
        "confidence": 0.5,
        "task": "ocr",
        "image_size": [300, 24],
        "resized": [1204, 112],
        "timings": {
            "load": 0.1,
            "preprocess": 0.2,
            "queue": 0.25,
            "encode": 0.3,
            "prefill": 0.4,
            "decode": 0.5,
            "image_tokens": 172,
            "prompt_tokens": 185,
            "generated_tokens": 2,
            "cached_image": False,
            "reused_tokens": 0,
            "drafted_tokens": 0,
            "accepted_tokens": 0,
        },
        "repeated_tokens": 0,
        "min_confidence": math.exp(-0.2),
    }
    assert RESULT.to_dict(tokens=True)["token_ids"] == (5, 6)
    assert RESULT.to_dict(tokens=True)["token_ends"] == (8, 12)


def test_lines_have_the_confidence_of_their_tokens() -> None:
    first, second = RESULT.lines
    assert (first.text, second.text) == ("Grüße", "1.50")
    assert first.confidence == first.min_confidence == pytest.approx(math.exp(-0.1))
    assert second.confidence == second.min_confidence == pytest.approx(math.exp(-0.2))


def test_tokens_are_shared_out_among_lines() -> None:
    chances = (0.9, 0.8, 0.7, 0.6, 0.5)
    result = dataclasses.replace(
        RESULT,
        text="ab\n\nc",
        logprobs=tuple(map(math.log, chances)),
        token_ends=(1, 3, 4, 5, 5),  # "a", "b\n", "\n", "c", and a token without text
    )
    assert [line.text for line in result.lines] == ["ab", "", "c"]
    assert [line.confidence for line in result.lines] == pytest.approx([0.85, 0.7, 0.55])
    assert [line.min_confidence for line in result.lines] == pytest.approx([0.8, 0.7, 0.5])


def test_an_answer_without_tokens_has_one_empty_line() -> None:
    nothing = dataclasses.replace(RESULT, text="", token_ids=(), logprobs=(), token_ends=())
    assert [(line.text, line.confidence) for line in nothing.lines] == [("", 0.0)]
    assert nothing.min_confidence == 0.0


def test_confidence_is_the_mean_probability() -> None:
    assert mean_probability((math.log(0.5), math.log(1.0))) == pytest.approx(0.75)
    assert mean_probability(()) == 0.0
