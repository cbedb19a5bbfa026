# SPDX-License-Identifier: Apache-2.0
"""Images with their true text: a JSONL file, or a folder.

A line of the file is an object: `image` (a path, from the file's folder), `text`, and if wanted
`task` (default `ocr`) and `tags`, an object of text or numbers by which results are grouped. In a
folder without `dataset.jsonl`, every image has its text in a file of the same name that ends in
`.txt`, or `.otsl` for a table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import DatasetError
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

INDEX = "dataset.jsonl"
TRUTH_TASKS = {".txt": "ocr", ".otsl": "table"}
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True, slots=True)
class Item:
    """An image and what stands in it.

    Attributes:
        image: the file.
        text: what a reader should give.
        task: which task to ask for.
        tags: by which results are grouped, such as {"font": "DejaVuSans", "size": "18"}.
    """

    image: Path
    text: str
    task: str = "ocr"
    tags: dict[str, str] = field(default_factory=dict)


def read_dataset(path: str | os.PathLike[str]) -> list[Item]:
    """All items, in the file's order or in that of the names.

    Raises:
        DatasetError: there is none, or a line of the file is no item.
    """
    place = Path(path)
    try:
        index = index_of(place)
        items = list(_from_folder(place) if index.is_dir() else _from_index(index))
    except OSError as error:
        raise unreadable(place, error) from error
    if not items:
        raise DatasetError(
            f"{place}: no image with a text of the same name (.txt, .otsl), and no {INDEX}"
        )
    return items


def _from_folder(folder: Path) -> Iterator[Item]:
    for image in sorted(folder.iterdir()):
        if image.suffix.lower() not in IMAGES:
            continue
        for suffix, task in TRUTH_TASKS.items():
            truth = image.with_suffix(suffix)
            if truth.is_file():
                yield Item(image, read_truth(truth).rstrip("\n"), task)


def _from_index(path: Path) -> Iterator[Item]:
    for where, row in index_rows(path, "image and text"):
        yield _item(row, path.parent, where)


def index_of(place: Path) -> Path:
    """The JSONL file of a set, or its folder where that has none."""
    return place / INDEX if (place / INDEX).is_file() else place


def index_rows(path: Path, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each line of a JSONL file stands, for messages, and its object.

    Raises:
        DatasetError: a line is no object, which should have `what`.
    """
    # JSON strings may hold the other characters at which `splitlines` divides
    for number, line in enumerate(read_truth(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{where}: no JSON ({error})") from error
        if not isinstance(row, dict):
            raise DatasetError(f"{where}: no object with {what}")
        yield where, row


def check_row(row: dict[str, Any], where: str, kinds: dict[str, type]) -> None:
    """Makes sure that a row has these names with values of these kinds.

    Raises:
        DatasetError: one is missing or of another kind.
    """
    for name, kind in kinds.items():
        if not isinstance(row.get(name), kind):
            raise DatasetError(f"{where}: {name!r} is missing or of the wrong kind")


def tags_of(row: dict[str, Any]) -> dict[str, str]:
    """The tags of a row that was checked."""
    return {str(key): str(value) for key, value in row["tags"].items()}


def _item(row: dict[str, Any], folder: Path, where: str) -> Item:
    row = {"task": "ocr", "tags": {}} | row
    check_row(row, where, {"image": str, "text": str, "task": str, "tags": dict})
    try:
        row["text"].encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"{where}: 'text' is not valid Unicode ({error.reason})") from error
    task = row["task"]
    if task not in TASKS:
        raise DatasetError(f"{where}: unknown task {task!r}; choose from {', '.join(TASKS)}")
    return Item(folder / row["image"], row["text"], task, tags_of(row))


def read_truth(path: Path) -> str:
    """The text of a file.

    Raises:
        DatasetError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8") from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DatasetError:
    """The error of a set that cannot be read."""
    return DatasetError(f"{path}: cannot be read ({error.strerror or error})")
