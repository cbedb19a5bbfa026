# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF file as a stream: header first, then tensor data as they are read.

gguf-py packs header, metadata and tensor table; the data would all have to be in memory for it, so
they are written here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from ppocrvl.exporter.encode import FileType, encode_chunk, encoded_bytes, tensor_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from gguf import GGUFWriter

    from ppocrvl.exporter.tensor_spec import TensorSpec
    from ppocrvl.support.output import Progress


class TensorData(Protocol):
    """A tensor to be written: what the table says of it, and its rows."""

    @property
    def spec(self) -> TensorSpec:
        """Name and shape in the file, and the rule of its type."""
        ...

    @property
    def name(self) -> str:
        """What error messages call it."""
        ...

    @property
    def dtype(self) -> str:
        """What the chunks hold: "F32", "F16" or "BF16"."""
        ...

    def chunks(self) -> Iterator[npt.NDArray[np.generic]]:
        """Yields consecutive rows; bf16 comes as its uint16 bits."""
        ...


@dataclass(frozen=True, slots=True)
class PendingGguf:
    """A file to be written: its final path, its metadata, and its tensors in order."""

    path: Path
    metadata: GGUFWriter
    tensors: Sequence[TensorData]
    file_type: FileType

    def write(self, path: Path, progress: Progress | None) -> None:
        """See `ppocrvl.output.PendingFile`."""
        kinds = [
            tensor_type(source.spec.rule, source.spec.shape, self.file_type)
            for source in self.tensors
        ]
        sizes = [
            encoded_bytes(source.spec.shape, kind)
            for source, kind in zip(self.tensors, kinds, strict=True)
        ]
        writer = self.metadata
        for source, kind, size in zip(self.tensors, kinds, sizes, strict=True):
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
            for source, kind, size in zip(self.tensors, kinds, sizes, strict=True):
                start = out.tell()
                for chunk in source.chunks():
                    encoded = encode_chunk(chunk, source.dtype, kind, source.name)
                    out.write(encoded.data)
                    done += encoded.nbytes
                    if progress:
                        progress(self.path.name, done, total)
                if out.tell() - start != size:
                    raise AssertionError(
                        f"{source.spec.target}: wrote {out.tell() - start} of {size}"
                    )
                _pad(out, writer.data_alignment)
            out.flush()
            os.fsync(out.fileno())


def _pad(out: BinaryIO, alignment: int) -> None:
    out.write(bytes(-out.tell() % alignment))
