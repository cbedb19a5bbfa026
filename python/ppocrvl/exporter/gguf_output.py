# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF file as a stream: header first, then tensor data as they are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gguf import GGUFValueType

from ppocrvl.exporter.encode import FileType, encode_chunk, encoded_bytes, tensor_type
from ppocrvl.support.gguf_header import TensorEntry, header, key_value, pad

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
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
        entries = [
            TensorEntry(
                source.spec.target,
                source.spec.shape[::-1],
                kind,
                encoded_bytes(source.spec.shape, kind),
            )
            for source, kind in zip(self.tensors, kinds, strict=True)
        ]
        total = sum(entry.n_bytes for entry in entries)
        done = 0
        with path.open("wb") as out:
            out.write(header(self._key_values(), entries))
            pad(out)
            for source, entry in zip(self.tensors, entries, strict=True):
                start = out.tell()
                for chunk in source.chunks():
                    encoded = encode_chunk(chunk, source.dtype, entry.type, source.name)
                    out.write(encoded.data)
                    done += encoded.nbytes
                    if progress:
                        progress(self.path.name, done, total)
                if out.tell() - start != entry.n_bytes:
                    raise AssertionError(
                        f"{entry.name}: wrote {out.tell() - start} of {entry.n_bytes}"
                    )
                pad(out)
            out.flush()
            os.fsync(out.fileno())

    def _key_values(self) -> list[bytes]:
        """The metadata, encoded; gguf-py says the type of an array's items by its first one."""
        return [
            key_value(
                key,
                entry.value,
                entry.type,
                (entry.sub_type or GGUFValueType.get_type(entry.value[0]))
                if entry.type is GGUFValueType.ARRAY
                else None,
            )
            for key, entry in self.metadata.kv_data[0].items()
        ]
