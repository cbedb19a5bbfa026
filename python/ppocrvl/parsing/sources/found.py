# SPDX-License-Identifier: Apache-2.0
"""What a user calls documents: files, folders, patterns, standard input, lists of them."""

from __future__ import annotations

import glob
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import DocumentEmptyError, DocumentNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ppocrvl.requests.image_source import ImageSource

    AnySource: TypeAlias = ImageSource | Sequence["AnySource"]

SUFFIXES = frozenset(
    (
        *(".pdf", ".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".dib"),
        *(".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx", ".jpf", ".avif"),
    )
)
"""Of files that are taken from a folder. A file that is named itself may have any."""


@dataclass(frozen=True, slots=True)
class Found:
    """One document.

    Attributes:
        name: what to call it: its path, or what it is.
        source: its path, bytes, a binary file object, a Pillow image or an array.
    """

    name: str
    source: ImageSource


def find_documents(source: AnySource | Found) -> list[Found]:
    """The documents in a source, in its order; those of a folder or a pattern by name.

    Args:
        source: a path of a file; a folder, which is searched with all folders in it, hidden ones
            left out; a pattern with `*`, `?`, `[…]` or `**`; "-" for standard input; bytes; a
            binary file object; a Pillow image or an array; a document that was found before;
            or a sequence of these.

    Raises:
        DocumentNotFoundError: there is no such file.
        DocumentEmptyError: there is no document in a folder, in a sequence, or of a pattern.
    """
    found = list(_found(source))
    if not found:
        raise DocumentEmptyError("there is no document to parse: the list is empty")
    return found


def walk_documents(folder: str | os.PathLike[str]) -> Iterator[str]:
    """The documents in a folder and all folders in it, sorted by path, as they are come upon.

    Only the names of one folder and of those above it are held. Hidden ones are left out, and links
    to folders are not followed, so that there is an end. A folder that cannot be read has none.
    """
    try:
        with os.scandir(folder) as entries:
            inside = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
    except OSError:
        return
    # With a `/` after a folder's name, names are sorted as whole paths would be.
    for name, is_folder in sorted(inside, key=lambda one: one[0] + "/" * one[1]):
        path = Path(folder, name)
        if name.startswith("."):
            continue
        if is_folder:
            yield from walk_documents(path)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield str(path)


def _found(source: AnySource | Found) -> Iterator[Found]:
    if isinstance(source, Found):
        yield source
    elif isinstance(source, str | os.PathLike):
        yield from _in_path(source)
    elif isinstance(source, list | tuple):
        for one in source:
            yield from _found(one)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield Found("document", source)
    else:  # whatever else it is, `open_document` takes or refuses it
        name = getattr(source, "name", None)
        yield Found(name if isinstance(name, str) else "document", source)  # type: ignore[arg-type]


def _in_path(given: str | os.PathLike[str]) -> Iterator[Found]:
    name = os.fspath(given)
    if name == "-":
        yield Found("stdin", sys.stdin.buffer)
    elif _is_folder(name):
        path = None
        for path in walk_documents(name):
            yield Found(path, path)
        if path is None:
            raise DocumentEmptyError(f"{name} holds no document (PDF or image)")
    elif glob.has_magic(name) and not Path(name).exists():
        matches = _matching(name)
        if not matches:
            raise DocumentEmptyError(f"no file is named like {name}")
        yield from (Found(path, path) for path in matches)
    else:
        yield Found(name, name)


def _matching(pattern: str) -> list[str]:
    """The files that match, by name; each once, though links lead to it in several ways."""
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute
    once = {os.path.realpath(path): path for path in sorted(matches, key=len, reverse=True)}
    return sorted(path for path in once.values() if Path(path).is_file())


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError) as error:  # a null in the name, or no permission
        raise DocumentNotFoundError(f"cannot read {name!r}: {error}") from error
