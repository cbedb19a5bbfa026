# SPDX-License-Identifier: Apache-2.0
"""A GGUF file to be quantized: its metadata as they stand, its tensors as float32 rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import ModelFormatError
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl._native import TensorInfo

CHUNK_ELEMENTS = 1 << 22
"""So many elements are in memory at once: 16 MiB as float32."""


class GgufSource:
    """The file, mapped into memory; only what is read takes any.

    Attributes:
        path: the file.
        role: "llm", "mmproj" or "other".
        metadata: key to value; long arrays only as their length.
        tensors: in file order.
        alignment: of each tensor's data, in bytes.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            ModelFormatError: the file is damaged.
        """
        self.path = path
        file = _native.read_gguf(str(path))
        self.role = file.role
        self.metadata = file.metadata
        self.tensors = tuple(file.tensors)
        self._places = file.metadata_places
        self.alignment = self.number("general.alignment", 32)
        self._bytes = np.memmap(path, np.uint8, "r")

    def number(self, key: str, default: int | None = None) -> int:
        """A whole number of the metadata.

        Raises:
            ModelFormatError: it is missing without a default, or something else.
        """
        value = self.metadata.get(key, default)
        if not isinstance(value, int):
            raise ModelFormatError(f"{self.path}: key {key!r} is no whole number")
        return value

    def metadata_bytes(self) -> dict[str, bytes]:
        """Every key with its value, encoded as it stands in the file."""
        places = self._places.items()
        return {key: self._bytes[begin:end].tobytes() for key, (begin, end) in places}

    def encoded_rows(self, tensor: TensorInfo) -> npt.NDArray[np.uint8]:
        """The tensor's rows as they stand in the file: uint8 [rows, bytes]."""
        data = self._bytes[tensor.offset : tensor.offset + tensor.n_bytes]
        return data.reshape(-1, _native.quantized_row_bytes(tensor.type, tensor.shape[0]))

    def rows(self, tensor: TensorInfo, n_threads: int) -> Iterator[npt.NDArray[np.float32]]:
        """The tensor's rows as float32 [rows, elements], some at a time."""
        n_per_row = tensor.shape[0]
        encoded = self.encoded_rows(tensor)
        step = max(1, CHUNK_ELEMENTS // n_per_row)
        for first in range(0, len(encoded), step):
            some = encoded[first : first + step]
            yield _native.dequantize_rows(tensor.type, some, n_per_row, n_threads=n_threads)
