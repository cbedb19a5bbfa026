# SPDX-License-Identifier: Apache-2.0
"""Documents with their true Markdown: a JSONL file, or a folder.

A line of the file is an object: `document` and `markdown` (paths, from the file's folder), and if
wanted `tags`, as in a set of images. In a folder without `dataset.jsonl`, every PDF or picture has
its Markdown in a file of the same name that ends in `.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ppocrvl.errors import DatasetError
from ppocrvl.evaluation.dataset import (
    IMAGES,
    INDEX,
    check_row,
    index_of,
    index_rows,
    read_truth,
    tags_of,
    unreadable,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

DOCUMENTS = (".pdf", *IMAGES)
TRUTH = ".md"


@dataclass(frozen=True, slots=True)
class DocumentItem:
    """A document and what stands in it.

    Attributes:
        document: the file.
        markdown: what parsing it should give.
        tags: by which results are grouped, such as {"worn": "yes"}.
    """

    document: Path
    markdown: str
    tags: dict[str, str] = field(default_factory=dict)


def holds_documents(path: str | os.PathLike[str]) -> bool:
    """Whether a set is one of documents: its first line, or first file with a truth, is one.

    Raises:
        DatasetError: there is none, or its first line is no object.
    """
    index = index_of(Path(path))
    try:
        if index.is_dir():
            return any(True for _ in _pairs(index))
        return any("document" in row for _, row in index_rows(index, "document or image"))
    except OSError as error:
        raise unreadable(index, error) from error


def read_documents(path: str | os.PathLike[str]) -> list[DocumentItem]:
    """All items, in the file's order or in that of the names.

    Raises:
        DatasetError: there is none, or a line of the file is no item.
    """
    place = Path(path)
    index = index_of(place)
    try:
        items = list(_from_folder(index) if index.is_dir() else _from_index(index))
    except OSError as error:
        raise unreadable(place, error) from error
    if not items:
        raise DatasetError(f"{place}: no document with a {TRUTH} file beside it, and no {INDEX}")
    return items


def _pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    for document in sorted(folder.iterdir()):
        truth = document.with_suffix(TRUTH)
        if document.suffix.lower() in DOCUMENTS and truth.is_file():
            yield document, truth


def _from_folder(folder: Path) -> Iterator[DocumentItem]:
    for document, truth in _pairs(folder):
        yield DocumentItem(document, read_truth(truth))


def _from_index(path: Path) -> Iterator[DocumentItem]:
    for where, row in index_rows(path, "document and markdown"):
        filled = {"tags": {}} | row
        check_row(filled, where, {"document": str, "markdown": str, "tags": dict})
        folder = path.parent
        truth = read_truth(folder / filled["markdown"])
        yield DocumentItem(folder / filled["document"], truth, tags_of(filled))
