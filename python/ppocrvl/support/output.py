# SPDX-License-Identifier: Apache-2.0
"""Files are written aside and renamed when all of them are complete."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ppocrvl.errors import OutputError, PpocrvlError

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes written, bytes in all) as the writing goes on."""


class PendingFile(Protocol):
    """A file to be written."""

    @property
    def path(self) -> Path:
        """Its final path."""

    def write(self, path: Path, progress: Progress | None) -> None:
        """Write all of it to `path`, and sync it."""


def write_files(files: Sequence[PendingFile], progress: Progress | None = None) -> None:
    """Writes the files under temporary names beside their final ones and renames all at the end.

    Existing files are replaced once all new ones are complete. Nothing is left behind when writing
    fails or is interrupted.

    Raises:
        OutputError: Disk full, no permission, or another failure of the file system.
        PpocrvlError: What the files raise while they are written.
    """
    temporaries = [
        file.path.with_name(f".{file.path.name}.{secrets.token_hex(4)}.part") for file in files
    ]
    if len({file.path for file in files}) < len(files):
        raise AssertionError(f"{files[0].path} would be written twice")
    for file in files:
        with output_errors(file.path):
            is_folder = file.path.is_dir()
        if is_folder:
            raise OutputError(f"{file.path}: a folder has this name; remove it or choose another")
    try:
        for file, temporary in zip(files, temporaries, strict=True):
            with output_errors(file.path):
                file.write(temporary, progress)
        for file, temporary in zip(files, temporaries, strict=True):
            with output_errors(file.path):
                temporary.replace(file.path)
        for folder in {file.path.parent for file in files}:
            sync_folder(folder)
    finally:
        for temporary in temporaries:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text, in UTF-8, as a `PendingFile`."""

    path: Path
    text: str

    def write(self, path: Path, progress: Progress | None) -> None:  # noqa: ARG002
        """Write all of it to `path`, and sync it."""
        with path.open("w", encoding="utf-8") as out:
            out.write(self.text)
            out.flush()
            os.fsync(out.fileno())


@dataclass(frozen=True, slots=True)
class PiecesFile:
    """Bytes that are made piece by piece while they are written, as a `PendingFile`."""

    path: Path
    pieces: Callable[[], Iterable[bytes]]

    def write(self, path: Path, progress: Progress | None) -> None:  # noqa: ARG002
        """Write all of it to `path`, and sync it."""
        with path.open("wb") as out:
            out.writelines(self.pieces())
            out.flush()
            os.fsync(out.fileno())


def write_text(path: Path, text: str) -> None:
    """Writes a text file, in UTF-8, aside and renamed.

    Raises:
        OutputError: It cannot be written.
    """
    write_files([TextFile(path, text)])


def require_folder(path: Path) -> None:
    """Checks, before any work is done, that a file can be put where it is wanted.

    Raises:
        OutputError: its folder is not there, or it is a folder itself.
    """
    with output_errors(path):
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    if not has_folder:
        raise OutputError(f"{path}: its folder is not there; make it, or name another file")
    if is_folder:
        raise OutputError(f"{path}: a folder has this name; remove it or choose another")


def make_folder(path: Path) -> Path:
    """Makes the folder with its parents if it is not there, and returns it.

    Raises:
        OutputError: It cannot be made, or is not a folder.
    """
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def sync_folder(folder: Path) -> None:
    """Makes the renames durable, where the system can open and sync a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """What the file system refuses inside is an error about this path.

    Raises:
        OutputError: it refused something.
    """
    try:
        yield
    except PpocrvlError:  # some are an OSError too, of a file that was to be read
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space or choose "
            "another folder with -o"
        ) from error
