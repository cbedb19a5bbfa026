# SPDX-License-Identifier: Apache-2.0
"""Writes the tensors of a GGUF file in other types, with its metadata otherwise as they were."""

from __future__ import annotations

import hashlib
import math
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
from gguf import GGML_QUANT_VERSION, GGUF_MAGIC, GGUF_VERSION, GGMLQuantizationType, GGUFValueType

from ppocrvl.errors import ModelFormatError
from ppocrvl.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl._native import TensorInfo
    from ppocrvl.output import Progress
    from ppocrvl.quantize.plan import PlannedTensor
    from ppocrvl.quantize.schemes import Scheme
    from ppocrvl.quantize.source import GgufSource

SCHEME_KEY = "ppocrvl.quantize.scheme"
ERRORS_KEY = "ppocrvl.quantize.relative_errors"
"""float32, one for each tensor in file order: what `ppocrvl inspect` shows."""
TENSORS_KEY = "ppocrvl.quantize.tensors"
"""Hash of the names and types that the errors belong to: other programs keep keys that they do not
know, and change the tensors."""


class NamedType(Protocol):
    """A tensor, of a file or of a plan."""

    @property
    def name(self) -> str:
        """In the file."""

    @property
    def type(self) -> str:
        """Of its elements."""


@dataclass(slots=True)
class Rewrite:
    """A file to be written.

    Attributes:
        path: where.
        source: what is read.
        scheme: the quantization.
        tensors: what becomes of the source's tensors, in its order.
        n_threads: rows are shared among so many.
        errors: relative error of each tensor, once written.
    """

    path: Path
    source: GgufSource
    scheme: Scheme
    tensors: Sequence[PlannedTensor]
    n_threads: int
    errors: list[float] = field(default_factory=list)

    def write(self, path: Path, progress: Progress | None) -> None:
        """See `ppocrvl.output.PendingFile`."""
        values = self._metadata()
        header = self._header(values, [0.0] * len(self.tensors))
        total = sum(tensor.n_bytes for tensor in self.tensors)
        done = 0
        with path.open("wb") as out:
            out.write(header)
            self._pad(out)
            for info, tensor in zip(self.source.tensors, self.tensors, strict=True):
                squared_error = squared_norm = 0.0
                for chunk, error, norm in self._encoded(info, tensor):
                    squared_error, squared_norm = squared_error + error, squared_norm + norm
                    out.write(chunk.data)
                    done += chunk.nbytes
                    if progress:
                        progress(self.path.name, done, total)
                self.errors.append(math.sqrt(squared_error / squared_norm) if squared_norm else 0.0)
                self._pad(out)
            out.seek(0)  # the errors are known only now, and take the place of zeros
            out.write(self._header(values, self.errors))
            out.flush()
            os.fsync(out.fileno())

    def _encoded(
        self, info: TensorInfo, tensor: PlannedTensor
    ) -> Iterator[tuple[npt.NDArray[np.uint8], float, float]]:
        """Rows of the new tensor, with the sums of the squared errors and of the squared values."""
        where = f"{self.source.path}: tensor {tensor.name}"
        if (tensor.type, tensor.shape) == (info.type, info.shape):
            for rows in self.source.rows(info, self.n_threads):
                if not np.isfinite(rows).all():
                    raise ModelFormatError(
                        f"{where}: it holds NaN or infinity; the file is damaged"
                    )
            yield np.ascontiguousarray(self.source.encoded_rows(info)), 0.0, 0.0
            return
        for chunk in self._padded_rows(info, tensor):
            try:
                yield _native.quantize_rows(tensor.type, chunk, n_threads=self.n_threads)
            except ModelFormatError as error:
                raise ModelFormatError(f"{where}: {error}") from error

    def _padded_rows(
        self, info: TensorInfo, tensor: PlannedTensor
    ) -> Iterator[npt.NDArray[np.float32]]:
        """The source's rows, each with zeros behind it, and then rows of zeros."""
        spare = tensor.shape[0] - info.shape[0]
        n_rows = 0
        for rows in self.source.rows(info, self.n_threads):
            n_rows += len(rows)
            yield np.pad(rows, ((0, 0), (0, spare))) if spare else rows
        if tensor.n_rows > n_rows:
            yield np.zeros((tensor.n_rows - n_rows, tensor.shape[0]), np.float32)

    def _metadata(self) -> dict[str, bytes]:
        """All keys but that of the errors, encoded."""
        values = self.source.metadata_bytes()
        values.pop(ERRORS_KEY, None)
        changes = {
            TENSORS_KEY: _text(tensors_hash(self.tensors)),
            "general.file_type": _u32(self.scheme.file_type),
            SCHEME_KEY: _text(self.scheme.name),
        }
        if self.scheme.quantizes:
            changes["general.quantization_version"] = _u32(GGML_QUANT_VERSION)
        return values | {key: _string(key) + value for key, value in changes.items()}

    def _header(self, values: dict[str, bytes], errors: Sequence[float]) -> bytes:
        """All that stands before the data; as long for any errors."""
        parts = [struct.pack("<IIQQ", GGUF_MAGIC, GGUF_VERSION, len(self.tensors), len(values) + 1)]
        parts += values.values()
        parts.append(_string(ERRORS_KEY) + _floats(errors))
        offset = 0
        for tensor in self.tensors:
            kind = GGMLQuantizationType[tensor.type].value
            shape = tensor.shape
            parts.append(_string(tensor.name))
            parts.append(struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
            offset += -(-tensor.n_bytes // self.source.alignment) * self.source.alignment
        return b"".join(parts)

    def _pad(self, out: BinaryIO) -> None:
        out.write(bytes(-out.tell() % self.source.alignment))


def tensors_hash(tensors: Iterable[NamedType]) -> str:
    """SHA-256 of all names and types, in order, as hexadecimal digits."""
    text = "".join(f"{tensor.name} {tensor.type}\n" for tensor in tensors)
    return hashlib.sha256(text.encode()).hexdigest()


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _text(text: str) -> bytes:
    return struct.pack("<I", GGUFValueType.STRING.value) + _string(text)


def _u32(value: int) -> bytes:
    return struct.pack("<II", GGUFValueType.UINT32.value, value)


def _floats(values: Sequence[float]) -> bytes:
    kinds = (GGUFValueType.ARRAY.value, GGUFValueType.FLOAT32.value)
    return struct.pack(f"<IIQ{len(values)}f", *kinds, len(values), *values)
