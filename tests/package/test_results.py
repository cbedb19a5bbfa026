# SPDX-License-Identifier: Apache-2.0
"""What a request gives back."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from ppocrvl.results import Result, Timings, mean_probability

RESULT = Result(
    text="Grüße\n1.50",
    finish_reason="stop",
    confidence=0.5,
    task="ocr",
    image_size=(300, 24),
    resized=(1204, 112),
    timings=Timings(0.1, 0.2, 0.3, 0.4, 0.5, 172, 185, 2),
    token_ids=(5, 6),
    logprobs=(-0.1, -0.2),
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
            "encode": 0.3,
            "prefill": 0.4,
            "decode": 0.5,
            "image_tokens": 172,
            "prompt_tokens": 185,
            "generated_tokens": 2,
        },
    }
    assert RESULT.to_dict(tokens=True)["token_ids"] == (5, 6)


def test_confidence_is_the_mean_probability() -> None:
    assert mean_probability((math.log(0.5), math.log(1.0))) == pytest.approx(0.75)
    assert mean_probability(()) == 0.0
