# SPDX-License-Identifier: Apache-2.0
"""Reads tensors of a safetensors file piece by piece.

The file is not mapped: the touched pages of a mapping would count as memory of the process.

The format (https://huggingface.co/docs/safetensors): 8 bytes little-endian header length, a JSON
header `{name: {dtype, shape, data_offsets: [begin, end]}}` with offsets relative to the end of the
header, then the data, which the tensors must fill without holes.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.json_file import parse_json_object
from ppocrvl.support.closing import Closing

if TYPE_CHECKING:
    import hashlib
    from pathlib import Path

# The official checkpoint has a header of 78,496 bytes.
MAX_HEADER_BYTES = 16 << 20
_MAX_DIMENSIONS = 8
_HASH_CHUNK_BYTES = 4 << 20
_DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "BOOL": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies: `offset` in bytes from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int


class SafetensorsFile(Closing):
    """An open safetensors file; closes on `with` exit.

    Attributes:
        path: The file.
        tensors: Name to place, as the header gives them.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file and checks its header against its size.

        Raises:
            CheckpointError: Unreadable, or not a well-formed safetensors file.
        """
        self.path = path
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error.strerror}); download the checkpoint again"
            ) from error
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            self.tensors = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Closes the file; nothing can be read afterwards."""
        self._file.close()

    def read(self, tensor: StoredTensor, start: int, n_bytes: int) -> bytes:
        """Reads `n_bytes` from byte `start` of the tensor's data.

        Raises:
            CheckpointError: The file has become shorter, or cannot be read.
        """
        if start < 0 or n_bytes < 0 or start + n_bytes > tensor.n_bytes:
            raise ValueError(f"bytes {start}+{n_bytes} lie outside {tensor.name}")
        return self._read_at(n_bytes, tensor.offset + start)

    def update_hash(self, digest: hashlib._Hash) -> None:
        """Feeds all bytes of the file to `digest`."""
        for offset in range(0, self._size, _HASH_CHUNK_BYTES):
            digest.update(self._read_at(min(_HASH_CHUNK_BYTES, self._size - offset), offset))

    def _read_at(self, n_bytes: int, offset: int) -> bytes:
        data = bytearray()
        try:
            self._file.seek(offset)
            while len(data) < n_bytes:
                part = self._file.read(n_bytes - len(data))
                if not part:
                    raise CheckpointError(
                        f"{self.path}: ends at byte {offset + len(data)}; download it again"
                    )
                if len(part) == n_bytes:
                    return part
                data += part
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be read ({error.strerror})") from error
        return bytes(data)

    def _read_header(self) -> dict[str, StoredTensor]:
        if self._size < 8:
            raise self._error(f"{self._size} bytes cannot hold a header")
        (length,) = struct.unpack("<Q", self._read_at(8, 0))
        if length > MAX_HEADER_BYTES:
            raise self._error(f"a header of {length} bytes is over the limit of {MAX_HEADER_BYTES}")
        if 8 + length > self._size:
            raise self._error(f"the header ends at byte {8 + length}, the file at {self._size}")
        header = parse_json_object(self._read_at(length, 8), f"{self.path} (header)")
        header.pop("__metadata__", None)
        data_offset = 8 + length
        tensors = {
            name: self._parse_entry(name, entry, data_offset) for name, entry in header.items()
        }
        end = data_offset
        for tensor in sorted(tensors.values(), key=lambda item: (item.offset, item.n_bytes)):
            if tensor.offset != end:
                raise self._error(
                    f"{tensor.name!r} begins at byte {tensor.offset}, the one before ends at {end}"
                )
            end += tensor.n_bytes
        if end != self._size:
            raise self._error(f"the tensors end at byte {end}, the file at {self._size}")
        return tensors

    def _parse_entry(self, name: str, entry: object, data_offset: int) -> StoredTensor:
        if not isinstance(entry, Mapping):
            raise self._error(f"the entry of {name!r} is not an object")
        dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
        if not isinstance(dtype, str) or dtype not in _DTYPE_BYTES:
            raise self._error(f"{name!r} has the unknown dtype {dtype!r}")
        if not _is_sizes(shape) or len(shape) > _MAX_DIMENSIONS:
            raise self._error(f"{name!r} has the invalid shape {shape!r}")
        if not _is_sizes(offsets) or len(offsets) != 2:
            raise self._error(f"{name!r} has invalid data_offsets {offsets!r}")
        n_bytes = math.prod(shape) * _DTYPE_BYTES[dtype]
        if offsets[1] - offsets[0] != n_bytes:
            raise self._error(
                f"{name!r} needs {n_bytes} bytes but is given {offsets[1] - offsets[0]}"
            )
        return StoredTensor(name, dtype, tuple(shape), data_offset + offsets[0], n_bytes)

    def _error(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: not a safetensors file: {what}; download the checkpoint again"
        )


def _is_sizes(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 1 << 48 for item in value
    )
