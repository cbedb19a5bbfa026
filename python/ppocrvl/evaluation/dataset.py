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
from typing import TYPE_CHECKING

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
        index = place / INDEX if (place / INDEX).is_file() else place
        items = list(_from_folder(place) if index.is_dir() else _from_index(index))
    except OSError as error:
        raise _unreadable(place, error) from error
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
                yield Item(image, _text(truth).rstrip("\n"), task)


def _from_index(path: Path) -> Iterator[Item]:
    # JSON strings may hold the other characters at which `splitlines` divides
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            yield _item(line, path.parent, f"{path}, line {number}")


def _item(line: str, folder: Path, where: str) -> Item:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: no JSON ({error})") from error
    if not isinstance(row, dict):
        raise DatasetError(f"{where}: no object with image and text")
    tags = row.get("tags", {})
    for name, value, kind in (
        ("image", row.get("image"), str),
        ("text", row.get("text"), str),
        ("task", row.get("task", "ocr"), str),
        ("tags", tags, dict),
    ):
        if not isinstance(value, kind):
            raise DatasetError(f"{where}: {name!r} is missing or of the wrong kind")
    try:
        row["text"].encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"{where}: 'text' is not valid Unicode ({error.reason})") from error
    task = row.get("task", "ocr")
    if task not in TASKS:
        raise DatasetError(f"{where}: unknown task {task!r}; choose from {', '.join(TASKS)}")
    names = {str(key): str(value) for key, value in tags.items()}
    return Item(folder / row["image"], row["text"], task, names)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{path}: cannot be read ({error.strerror or error})")
