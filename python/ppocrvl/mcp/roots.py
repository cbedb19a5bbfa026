# SPDX-License-Identifier: Apache-2.0
"""The folders whose files may be read, and nothing outside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ppocrvl.errors import DocumentError, DocumentNotFoundError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""Without waiting: opening a pipe would wait for who writes into it."""


class Roots:
    """Folders, their sub-folders included.

    Args:
        folders: that are there. A relative path is looked for in each, in this order.

    Raises:
        OptionError: there is none, or one is no folder.
    """

    def __init__(self, folders: Sequence[str | os.PathLike[str]]) -> None:
        self._folders = [Path(os.path.realpath(one)) for one in folders]
        if not self._folders:
            raise OptionError("name a folder whose files may be read, with --root")
        for given, folder in zip(folders, self._folders, strict=True):
            if not folder.is_dir():
                raise OptionError(f"--root {os.fspath(given)}: there is no such folder")

    def open(self, path: str) -> BinaryIO:
        """Open a file below one of the folders.

        Symbolic links are followed before it is decided whether a file lies below a folder, and
        none on the way from the folder to the file, so that a link that is changed meanwhile leads
        nowhere.

        Args:
            path: absolute, or relative to a folder.

        Raises:
            DocumentNotFoundError: it is not below the folders, is not there, or cannot be read.
            DocumentError: it is no file.
        """
        shown = " ".join(path.split()) or "the empty path"
        if "\0" not in path:
            below = [
                (folder, real.relative_to(folder))
                for folder in self._folders
                if (real := Path(os.path.realpath(folder / path))).is_relative_to(folder)
            ]
            for folder, relative in below:
                found = _open_below(folder, relative, shown)
                if found is not None:
                    return found
            if below:
                raise DocumentNotFoundError(f"{shown}: no such file, or not readable")
        folders = ", ".join(map(str, self._folders))
        raise DocumentNotFoundError(f"{shown}: files may be read in {folders} only")


def _open_below(folder: Path, relative: Path, shown: str) -> BinaryIO | None:
    """The file, by the folders on its way, each opened within the one before."""
    *way, name = relative.parts or (".",)
    at = -1
    try:
        at = os.open(folder, _FOLDER)
        for part in way:
            outer, at = at, os.open(part, _FOLDER, dir_fd=at)
            os.close(outer)
        descriptor = os.open(name, _FILE, dir_fd=at)
    except OSError:
        return None
    finally:
        if at >= 0:
            os.close(at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DocumentError(f"{shown}: this is no file")
    return os.fdopen(descriptor, "rb")
