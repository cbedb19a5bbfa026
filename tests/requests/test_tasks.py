# SPDX-License-Identifier: Apache-2.0
"""The table of tasks."""

from __future__ import annotations

from typing import get_args

import pytest

from ppocrvl.errors import OptionError
from ppocrvl.requests.tasks import TASKS, TaskName, find_task


def test_prompts_are_those_of_the_model() -> None:
    assert {task.name: task.prompt for task in TASKS.values()} == {
        "ocr": "OCR:",
        "table": "Table Recognition:",
        "formula": "Formula Recognition:",
        "chart": "Chart Recognition:",
        "spotting": "Spotting:",
        "seal": "Seal Recognition:",
    }
    assert [task.name for task in TASKS.values() if task.keeps_location_tokens] == ["spotting"]


def test_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match="unknown task 'read'; choose from ocr, table"):
        find_task("read", "1.6")


@pytest.mark.parametrize("name", ["spotting", "seal"])
def test_task_newer_than_the_model_is_refused(name: str) -> None:
    with pytest.raises(
        OptionError, match=r"needs a model of version 1\.5 or later; this one is 1\.0"
    ):
        find_task(name, "1.0")
    assert find_task(name, "1.5").name == name


def test_the_table_and_the_type_have_the_same_names() -> None:
    assert tuple(TASKS) == get_args(TaskName)
