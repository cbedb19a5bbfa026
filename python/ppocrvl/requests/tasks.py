# SPDX-License-Identifier: Apache-2.0
"""The tasks of the model, one row per task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ppocrvl.errors import OptionError

TaskName: TypeAlias = Literal["ocr", "table", "formula", "chart", "spotting", "seal"]
"""The names in `TASKS`, for whatever needs them as a type."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the model.

    Attributes:
        name: value of the option `task`.
        prompt: the text that the model was trained with.
        title: shown to people.
        since: first model version that supports the task.
        keeps_location_tokens: whether the text keeps `<|LOC_n|>` tokens.
        enlarges_small_pictures: whether images with both sides under 1500 pixels are enlarged to
            twice the size first.
    """

    name: TaskName
    prompt: str
    title: str
    since: str = "1.0"
    keeps_location_tokens: bool = False
    enlarges_small_pictures: bool = False

    def is_known_to(self, model_version: str) -> bool:
        """Whether a model of this version ("1.0", "1.5", "1.6") supports the task."""
        return _version(model_version) >= _version(self.since)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("ocr", "OCR:", "Text"),
        Task("table", "Table Recognition:", "Table"),
        Task("formula", "Formula Recognition:", "Formula"),
        Task("chart", "Chart Recognition:", "Chart"),
        Task(
            "spotting",
            "Spotting:",
            "Text with places",
            "1.5",
            keeps_location_tokens=True,
            enlarges_small_pictures=True,
        ),
        Task("seal", "Seal Recognition:", "Seal", "1.5"),
    )
}


def known_task(name: str) -> Task:
    """The task of this name.

    Raises:
        OptionError: there is none.
    """
    task = TASKS.get(name)
    if task is None:
        raise OptionError(f"unknown task {name!r}; choose from {', '.join(TASKS)}")
    return task


def find_task(name: str, model_version: str) -> Task:
    """The task of this name, if a model of this version ("1.0", "1.5", "1.6") knows it.

    Raises:
        OptionError: no such task, or the model is older than the task.
    """
    task = known_task(name)
    if not task.is_known_to(model_version):
        raise OptionError(
            f"the task {name!r} needs a model of version {task.since} or later; "
            f"this one is {model_version}"
        )
    return task


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
