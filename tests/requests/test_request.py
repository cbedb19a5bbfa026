# SPDX-License-Identifier: Apache-2.0
"""One picture with its own options, made in Python or from JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocrvl
from ppocrvl.errors import OptionError
from ppocrvl.requests.options import ReadOptions, RequestOptions


def test_it_has_all_options_and_checks_them() -> None:
    request = ppocrvl.Request("a.png", task="table", max_tokens=5, tag=7)
    assert (request.image, request.task, request.max_tokens, request.tag) == (
        "a.png",
        "table",
        5,
        7,
    )
    with pytest.raises(OptionError, match="max_tokens must be from 1"):
        ppocrvl.Request("a.png", max_tokens=0)
    with pytest.raises(OptionError, match="unknown task 'tabel'"):
        ppocrvl.Request("a.png", task="tabel")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.task = "ocr"  # type: ignore[misc]


def test_the_keywords_of_a_call_are_the_fields_of_the_options() -> None:
    assert set(ReadOptions.__annotations__) == {
        one.name for one in dataclasses.fields(RequestOptions)
    }


def test_without_a_picture_there_is_a_question() -> None:
    assert ppocrvl.Request(None, prompt="Who?").image is None
    for options in ({}, {"prompt": "Who?", "retry": ppocrvl.Retry()}):
        with pytest.raises(OptionError, match="without an image"):
            ppocrvl.Request(None, **options)  # type: ignore[arg-type]


def test_two_requests_are_never_equal() -> None:
    """Pictures cannot be compared; a request is a key by itself."""
    pixels = np.zeros((2, 2), np.uint8)
    one, other = ppocrvl.Request(pixels), ppocrvl.Request(pixels)
    assert one == one  # noqa: PLR0124
    assert one != other
    assert {one: 1}[one] == 1
    assert "array" not in repr(one)


def test_options_beside_a_request_are_refused() -> None:
    request = ppocrvl.Request("a.png")
    assert ppocrvl.Request.of(request, {}) is request
    assert ppocrvl.Request.of("b.png", {"task": "seal"}).task == "seal"
    with pytest.raises(OptionError, match="put task, seed into it"):
        ppocrvl.Request.of(request, {"task": "seal", "seed": 1})


def test_json() -> None:
    request = ppocrvl.Request.from_json(
        {
            "image": "a.png",
            "task": "table",
            "tag": {"page": 3},
            "logit_bias": {"7": 1.5},
            "stop": ["x", "y"],
            "retry": {"below": 0.25},
            "max_tokens": None,
        },
        folder="scans",
    )
    assert request.image == Path("scans/a.png")
    assert request.tag == {"page": 3}
    assert request.logit_bias == {7: 1.5}
    assert request.stops == ("x", "y")
    assert request.retry == ppocrvl.Retry(below=0.25)
    assert request.max_tokens == ppocrvl.RequestOptions().max_tokens
    assert ppocrvl.Request.from_json({"image": "/a.png"}, folder="scans").image == Path("/a.png")
    assert ppocrvl.Request.from_json({"image": None, "prompt": "Who?"}).image is None
    for value, retry in ((True, ppocrvl.Retry()), (False, None), (None, None)):
        assert ppocrvl.Request.from_json({"image": "a", "retry": value}).retry == retry


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"a request must be a JSON object, not \[\]"),
        ({}, "needs the key 'image'"),
        ({"image": 5}, "image must be a path, not 5"),
        ({"image": ""}, "image must be a path"),
        ({"image": "a", "max_token": 5}, "no key 'max_token'; did you mean 'max_tokens'?"),
        ({"image": "a", "zzz": 5}, "no key 'zzz'; there are task, prompt"),
        ({"image": "a", "task": ["ocr"]}, "task must be a text"),
        ({"image": "a", "stop_loops": "no"}, "stop_loops must be true or false"),
        ({"image": "a", "keep_location_tokens": 1}, "keep_location_tokens must be true or false"),
        ({"image": "a", "stop": 3}, "stop must be a str or tuple or list, not 3"),
        ({"image": "a", "stop": [3]}, "stop must be a text"),
        ({"image": "a", "grammar": 3}, "grammar must be a text"),
        ({"image": "a", "utf8": []}, "utf8 must be replace"),
        ({"image": "a", "deadline": "1"}, "deadline must be a number"),
        ({"image": "a", "logit_bias": [1]}, "logit_bias must be a Mapping"),
        ({"image": "a", "logit_bias": {"x": 1}}, "logit_bias must have token ids as its keys"),
        ({"image": "a", "logit_bias": {"1": "x"}}, "logit_bias must be a number"),
        ({"image": "a", "retry": 1}, "retry must be a JSON object, not 1"),
        ({"image": "a", "retry": {"belo": 1}}, "retry has no key 'belo'; did you mean 'below'?"),
        ({"image": "a", "messages": {}}, "messages must be a list"),
        ({"image": "a", "draft": 3}, "draft must be a str or list or tuple, not 3"),
        ({"image": "a", "draft": ""}, "draft must be a text that is not empty"),
        ({"image": "a", "draft": "a\ud800"}, "draft is not valid Unicode"),
        ({"image": "a", "draft": "a" * 1_000_001}, "draft is longer than 1000000"),
        ({"image": "a", "draft": [0] * 32_769}, "draft is longer than 32768"),
        ({"image": "a", "draft": []}, "draft must have a token"),
        ({"image": "a", "draft": [1, -1]}, "draft must be from 0 to"),
        ({"image": "a", "draft": ["a"]}, "draft must be a whole number"),
        ({"image": "a", "draft": "a", "temperature": 0.1}, "leave out draft or temperature"),
    ],
)
def test_json_that_cannot_work(values: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ppocrvl.Request.from_json(values)
