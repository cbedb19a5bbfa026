# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF file as a stream: header first, then tensor data as they are read.

gguf-py packs header, metadata and tensor table; the data would all have to be in memory for it, so
they are written here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ppocrvl.errors import OutputError
from ppocrvl.export.encode import FileType, encode_chunk, encoded_bytes, tensor_type

if TYPE_CHECKING:
    from pathlib import Path

    from gguf import GGUFWriter

    from ppocrvl.export.tensor_source import TensorSource

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes written, bytes in all) as the export goes on."""


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file to be written: its final path, its metadata, and its tensors in order."""

    path: Path
    metadata: GGUFWriter
    tensors: list[TensorSource]
    file_type: FileType


def write_files(files: list[PendingFile], progress: Progress | None = None) -> None:
    """Writes the files under temporary names beside their final ones and renames all at the end.

    Existing files are replaced once all new ones are complete. Nothing is left behind when writing
    fails or is interrupted.

    Raises:
        OutputError: Disk full, no permission, or another failure of the file system.
        CheckpointError: The checkpoint cannot be read or holds values that cannot be converted.
    """
    temporaries = [
        file.path.with_name(f".{file.path.name}.{secrets.token_hex(4)}.part") for file in files
    ]
    for file in files:
        if file.path.is_dir():
            raise OutputError(f"{file.path}: a folder has this name; remove it or choose another")
    try:
        for file, temporary in zip(files, temporaries, strict=True):
            with _output_errors(file.path):
                _write_file(file, temporary, progress)
        for file, temporary in zip(files, temporaries, strict=True):
            with _output_errors(file.path):
                temporary.replace(file.path)
        for folder in {file.path.parent for file in files}:
            _sync_folder(folder)
    finally:
        for temporary in temporaries:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Makes the folder with its parents if it is not there, and returns it.

    Raises:
        OutputError: It cannot be made, or is not a folder.
    """
    with _output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def _write_file(file: PendingFile, path: Path, progress: Progress | None) -> None:
    kinds = [
        tensor_type(source.spec.rule, source.spec.shape, file.file_type) for source in file.tensors
    ]
    sizes = [
        encoded_bytes(source.spec.shape, kind)
        for source, kind in zip(file.tensors, kinds, strict=True)
    ]
    writer = file.metadata
    for source, kind, size in zip(file.tensors, kinds, sizes, strict=True):
        writer.add_tensor_info(
            source.spec.target, source.spec.shape, np.dtype(np.float32), size, kind
        )
    try:
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
    finally:
        writer.close()

    total = sum(sizes)
    done = 0
    with path.open("ab") as out:
        _pad(out, writer.data_alignment)
        for source, kind, size in zip(file.tensors, kinds, sizes, strict=True):
            start = out.tell()
            for chunk in source.chunks():
                encoded = encode_chunk(chunk, source.dtype, kind, source.stored.name)
                out.write(encoded.data)
                done += encoded.nbytes
                if progress:
                    progress(file.path.name, done, total)
            if out.tell() - start != size:
                raise AssertionError(f"{source.spec.target}: wrote {out.tell() - start} of {size}")
            _pad(out, writer.data_alignment)
        out.flush()
        os.fsync(out.fileno())


def _pad(out: BinaryIO, alignment: int) -> None:
    out.write(bytes(-out.tell() % alignment))


def _sync_folder(folder: Path) -> None:
    """Makes the renames durable, where the system can open and sync a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space or choose "
            "another folder with -o"
        ) from error
