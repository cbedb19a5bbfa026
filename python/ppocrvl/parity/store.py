# SPDX-License-Identifier: Apache-2.0
"""Stages of the reference in a folder, for later comparisons without torch.

reference.json   what it was made with, and per request: image, task, limits, prompt, answer,
                 relative errors of the reference in bf16
000.npz, ...     the arrays of each request
"""

from __future__ import annotations

import json
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.engine.stages import ARRAYS, Stages
from ppocrvl.errors import CheckpointError, OptionError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INDEX = "reference.json"
FORMAT = 1
_DAMAGE = (OSError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a stored request was asked.

    Attributes:
        image: the image's name.
        image_hash: SHA-256 of the image's size and RGB bytes.
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


class Writer:
    """Writes a folder request by request; the index comes last, so that it is never half there.

    Args:
        folder: made if it is not there; an older store in it is replaced.
        made_with: versions of what computes the stages.

    Raises:
        OptionError: the folder is a checkpoint's.
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, made_with: str) -> None:
        if (folder / "config.json").exists():
            raise OptionError(f"{folder} holds a checkpoint; name another folder for its stages")
        self._folder = folder
        self._made_with = made_with
        self._rows: list[dict[str, Any]] = []
        with self._output_errors():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INDEX).unlink(missing_ok=True)

    def add(
        self, entry: Entry, stages: Stages, bf16_errors: Mapping[str, float] | None = None
    ) -> None:
        """Write one request's arrays, and keep the reference's own errors in bf16 if known."""
        name = f"{len(self._rows):03}.npz"
        with self._output_errors():
            np.savez_compressed(self._folder / name, **{s: getattr(stages, s) for s in ARRAYS})
        ids = {"prompt_ids": stages.prompt_ids, "token_ids": stages.token_ids}
        others = {"text": stages.text, "bf16_errors": bf16_errors, "file": name}
        self._rows.append({**asdict(entry), **ids, **others})

    def close(self) -> None:
        """Write the index."""
        index = {"format": FORMAT, "made_with": self._made_with, "requests": self._rows}
        part = self._folder / f"{INDEX}.part"
        with self._output_errors():
            part.write_text(json.dumps(index, indent=1), encoding="utf-8")
            part.replace(self._folder / INDEX)

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot write {self._folder}: {reason}") from error


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored request; its arrays are read when they are wanted."""

    folder: Path
    entry: Entry
    row: dict[str, Any]

    def stages(self) -> Stages:
        """Read the arrays.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        with _damage_errors(self.folder):
            name = str(self.row["file"])
            if "/" in name or "\\" in name:
                raise ValueError(f"{name} is no plain file name")
            path = self.folder / name
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                values = {s: np.asarray(arrays[s], dtype=np.float32) for s in ARRAYS}
            return Stages(
                prompt_ids=tuple(map(int, self.row["prompt_ids"])),
                token_ids=tuple(map(int, self.row["token_ids"])),
                text=str(self.row["text"]),
                **values,
            )

    def bf16_errors(self) -> dict[str, float] | None:
        """The reference's own errors in bf16 by stage, if they were stored.

        Raises:
            CheckpointError: they are damaged.
        """
        with _damage_errors(self.folder):
            errors = self.row["bf16_errors"]
            if errors is None:
                return None
            return {stage: float(errors[stage]) for stage in ARRAYS if stage != "pixels"}


def load(folder: Path) -> tuple[str, list[Stored]]:
    """What the store was made with, and its requests.

    Raises:
        CheckpointError: the index is missing or damaged.
    """
    with _damage_errors(folder):
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise ValueError(f"format {index['format']} is of another version")
        rows = index["requests"]
        return str(index["made_with"]), [Stored(folder, _entry(row), row) for row in rows]


def _entry(row: dict[str, Any]) -> Entry:
    limits = row["pixel_limits"]
    return Entry(
        image=str(row["image"]),
        image_hash=str(row["image_hash"]),
        task=str(row["task"]),
        max_tokens=int(row["max_tokens"]),
        pixel_limits=None if limits is None else (int(limits[0]), int(limits[1])),
    )


@contextmanager
def _damage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"{folder}: the stored reference is damaged ({message}); make it again"
        ) from error
