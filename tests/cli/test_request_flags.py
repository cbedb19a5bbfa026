# SPDX-License-Identifier: Apache-2.0
"""The flags are the options."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

import pytest

from ppocrvl.cli.request_flags import FLAGS, add_request_flags, request_options
from ppocrvl.errors import OptionError
from ppocrvl.requests.options import RequestOptions, Retry

if TYPE_CHECKING:
    from pathlib import Path


def parsed(*arguments: str) -> RequestOptions:
    parser = argparse.ArgumentParser()
    add_request_flags(parser)
    return request_options(parser.parse_args(arguments))


def test_every_option_has_its_flag() -> None:
    options = {field.name for field in dataclasses.fields(RequestOptions)}
    assert set(FLAGS) | {"logit_bias", "messages"} == options


def test_without_flags_all_is_as_in_python() -> None:
    assert parsed() == RequestOptions()


def test_flags_reach_the_options() -> None:
    options = parsed(
        *("--task", "table", "--max-tokens", "7", "--deadline", "1.5", "--temperature", "0.5"),
        *("--stop", "a", "--stop", "b", "--no-stop-loops", "--retry", "--utf8", "strict"),
    )
    assert (options.task, options.max_tokens, options.deadline) == ("table", 7, 1.5)
    assert (options.temperature, options.stops, options.stop_loops) == (0.5, ("a", "b"), False)
    assert (options.retry, options.utf8) == (Retry(), "strict")


def test_a_draft_is_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "draft.txt"
    file.write_text("Grüße\n", encoding="utf-8")
    assert parsed("--draft", str(file)).draft == "Grüße\n"
    assert parsed("--draft", "auto").draft == "auto"
    file.write_bytes(b"\xff")
    with pytest.raises(OptionError, match=r"draft\.txt: is not UTF-8"):
        parsed("--draft", str(file))
    with pytest.raises(OptionError, match="nowhere: cannot be read"):
        parsed("--draft", "nowhere")


def test_a_value_out_of_range_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="max_tokens must be from 1"):
        parsed("--max-tokens", "0")
