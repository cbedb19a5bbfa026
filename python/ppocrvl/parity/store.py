# SPDX-License-Identifier: Apache-2.0
"""Stages of the reference in a folder, for later comparisons without torch.

reference.json   which checkpoint, and per request: picture, task, limits, prompt, answer
000.npz, ...     the arrays of each request
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import CheckpointError, OutputError
from ppocrvl.stages import ARRAYS, Stages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INDEX = "reference.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What a stored request was asked.

    Attributes:
        image: the picture's name.
        image_hash: SHA-256 of the picture's RGB bytes, to tell another picture of that name.
        task: name of the task.
        max_tokens: limit of the answer.
        pixel_limits: least and most pixels; None for the checkpoint's own.
    """

    image: str
    image_hash: str
    task: str
    max_tokens: int
    pixel_limits: tuple[int, int] | None


def is_stored(folder: Path) -> bool:
    """Whether the folder holds stored stages rather than a checkpoint."""
    return (folder / INDEX).is_file()


def save(folder: Path, made_with: str, requests: Sequence[tuple[Entry, Stages]]) -> None:
    """Write the folder; the index comes last and by renaming, so that it is never half there.

    Raises:
        OutputError: a file cannot be written.
    """
    rows = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        for number, (entry, stages) in enumerate(requests):
            name = f"{number:03}.npz"
            np.savez_compressed(folder / name, **{s: getattr(stages, s) for s in ARRAYS})
            rows.append(
                {
                    **asdict(entry),
                    "file": name,
                    "prompt_ids": stages.prompt_ids,
                    "token_ids": stages.token_ids,
                    "text": stages.text,
                }
            )
        part = folder / f"{INDEX}.part"
        part.write_text(
            json.dumps({"format": FORMAT, "made_with": made_with, "requests": rows}, indent=1),
            encoding="utf-8",
        )
        part.replace(folder / INDEX)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def load(folder: Path) -> tuple[str, list[tuple[Entry, Stages]]]:
    """What it was made with, and the requests.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise CheckpointError(f"{folder}: stored by another version; make it again")
        return str(index["made_with"]), [_load_one(folder, row) for row in index["requests"]]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{folder}: the stored reference is damaged ({error}); make it again with "
            "--save-reference"
        ) from error


def _load_one(folder: Path, row: dict[str, object]) -> tuple[Entry, Stages]:
    limits = row["pixel_limits"]
    entry = Entry(
        image=str(row["image"]),
        image_hash=str(row["image_hash"]),
        task=str(row["task"]),
        max_tokens=int(str(row["max_tokens"])),
        pixel_limits=None if limits is None else (int(limits[0]), int(limits[1])),  # type: ignore[index]
    )
    name = str(row["file"])
    if "/" in name or "\\" in name:
        raise ValueError(f"{name} is no plain file name")
    with (folder / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        values = {s: np.asarray(arrays[s], dtype=np.float32) for s in ARRAYS}
    return entry, Stages(
        prompt_ids=tuple(row["prompt_ids"]),  # type: ignore[arg-type]
        token_ids=tuple(row["token_ids"]),  # type: ignore[arg-type]
        text=str(row["text"]),
        **values,
    )
