# SPDX-License-Identifier: Apache-2.0
"""The samples and the drawn pages, read and measured against what stands in them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import DatasetError
from ppocrvl.evaluation import Item, evaluate, read_dataset
from verify.files import official_pair

if TYPE_CHECKING:
    from pathlib import Path

    from verify.work import Work


def read_with(model: Path, items: list[Item], work: Work) -> dict[str, Any]:
    """Figures by task, and every text that is not the true one.

    Raises:
        DatasetError: a picture could not be read.
    """
    with Engine(model, n_threads=work.threads) as engine:
        found = evaluate(engine, items, model=str(model), max_tokens=work.max_tokens)
    for reading in found.readings:
        if reading.error:
            raise DatasetError(f"{reading.item.image.name}: {reading.error}")
    return {
        "bytes": found.n_bytes,
        "tasks": {task: dataclasses.asdict(one) for task, one in found.tasks.items()},
        "wrong": {
            reading.item.image.name: {"read": reading.text, "true": reading.item.text}
            for reading in found.readings
            if not reading.is_exact
        },
    }


def read_all(work: Work) -> dict[str, Any]:
    """The samples and the pages, with the exported pair and, where it is there, the official."""
    samples = work.root / "samples"
    items = [
        Item(samples / f"{name}.png", (samples / f"{name}.txt").read_text("utf-8").strip(), task)
        for name, task in (("hello", "ocr"), ("table", "table"))
    ]
    items += read_dataset(work.pages)
    models = [work.exported, *([work.official] if official_pair(work) else [])]
    return {folder.name: read_with(folder, items, work) for folder in models}
