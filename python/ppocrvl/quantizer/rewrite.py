# SPDX-License-Identifier: Apache-2.0
"""Writes the tensors of a GGUF file in other types, with its metadata otherwise as they were."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFValueType

from ppocrvl.errors import ModelFormatError
from ppocrvl.support.gguf_header import TensorEntry, header, key_value, pad
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl._native import RowLoss, TensorInfo
    from ppocrvl.quantizer.importance import ImportanceMatrix
    from ppocrvl.quantizer.plan import PlannedTensor
    from ppocrvl.quantizer.schemes import Scheme
    from ppocrvl.quantizer.source import GgufSource
    from ppocrvl.support.output import Progress

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
        importance: of the columns of the source's matrices.
        errors: relative error of each tensor, once written.
        weighted_errors: the same with each column's squares weighed by its importance, which
            estimates the error of the outputs; None for tensors without.
    """

    path: Path
    source: GgufSource
    scheme: Scheme
    tensors: Sequence[PlannedTensor]
    n_threads: int
    importance: ImportanceMatrix | None = None
    errors: list[float] = field(default_factory=list)
    weighted_errors: list[float | None] = field(default_factory=list)

    def write(self, path: Path, progress: Progress | None) -> None:
        """See `ppocrvl.output.PendingFile`."""
        values = self._metadata()
        total = sum(tensor.n_bytes for tensor in self.tensors)
        done = 0
        with path.open("wb") as out:
            out.write(self._header(values, [0.0] * len(self.tensors)))
            pad(out, self.source.alignment)
            for info, tensor in zip(self.source.tensors, self.tensors, strict=True):
                weights = self._weights(tensor)
                losses = []
                for chunk, loss in self._encoded(info, tensor, weights):
                    losses.append(loss)
                    out.write(chunk.data)
                    done += chunk.nbytes
                    if progress:
                        progress(self.path.name, done, total)
                self.errors.append(
                    _ratio(
                        sum(loss.squared_error for loss in losses if loss),
                        sum(loss.squared_norm for loss in losses if loss),
                    )
                )
                self.weighted_errors.append(
                    None
                    if weights is None
                    else _ratio(
                        sum(loss.weighted_error for loss in losses if loss),
                        sum(loss.weighted_norm for loss in losses if loss),
                    )
                )
                pad(out, self.source.alignment)
            out.seek(0)  # the errors are known only now, and take the place of zeros
            out.write(self._header(values, self.errors))
            out.flush()
            os.fsync(out.fileno())

    def _weights(self, tensor: PlannedTensor) -> npt.NDArray[np.float32] | None:
        """The importance of the new tensor's columns; padding has none."""
        weights = self.importance.weights(tensor.name) if self.importance else None
        spare = 0 if weights is None else tensor.shape[0] - len(weights)
        return np.pad(weights, (0, spare)) if weights is not None and spare else weights

    def _encoded(
        self, info: TensorInfo, tensor: PlannedTensor, weights: npt.NDArray[np.float32] | None
    ) -> Iterator[tuple[npt.NDArray[np.uint8], RowLoss | None]]:
        """Rows of the new tensor, and what they lose; None where they are copied."""
        where = f"{self.source.path}: tensor {tensor.name}"
        if (tensor.type, tensor.shape) == (info.type, info.shape):
            for rows in self.source.rows(info, self.n_threads):
                if not np.isfinite(rows).all():
                    raise ModelFormatError(
                        f"{where}: it holds NaN or infinity; the file is damaged"
                    )
            yield np.ascontiguousarray(self.source.encoded_rows(info)), None
            return
        for chunk in self._padded_rows(info, tensor):
            try:
                yield _native.quantize_rows(
                    tensor.type, chunk, importance=weights, n_threads=self.n_threads
                )
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
        changes: dict[str, str | int] = {
            TENSORS_KEY: tensors_hash(self.tensors),
            "general.file_type": self.scheme.file_type,
            SCHEME_KEY: self.scheme.name,
        }
        if self.scheme.quantizes:
            changes["general.quantization_version"] = GGML_QUANT_VERSION
        if self.importance is not None:
            # llama-quantize's keys; its entries count both halves here too
            changes["quantize.imatrix.dataset"] = ", ".join(self.importance.datasets)
            changes["quantize.imatrix.entries_count"] = len(self.importance.squares)
            changes["quantize.imatrix.chunks_count"] = self.importance.n_chunks
        kinds = {str: GGUFValueType.STRING, int: GGUFValueType.UINT32}
        return values | {
            key: key_value(key, value, kinds[type(value)]) for key, value in changes.items()
        }

    def _header(self, values: dict[str, bytes], errors: Sequence[float]) -> bytes:
        """All that stands before the data; as long for any errors."""
        losses = key_value(ERRORS_KEY, errors, GGUFValueType.ARRAY, GGUFValueType.FLOAT32)
        entries = [
            TensorEntry(one.name, one.shape, GGMLQuantizationType[one.type], one.n_bytes)
            for one in self.tensors
        ]
        return header([*values.values(), losses], entries, self.source.alignment)


def tensors_hash(tensors: Iterable[NamedType]) -> str:
    """SHA-256 of all names and types, in order, as hexadecimal digits."""
    text = "".join(f"{tensor.name} {tensor.type}\n" for tensor in tensors)
    return hashlib.sha256(text.encode()).hexdigest()


def _ratio(squared_error: float, squared_norm: float) -> float:
    return math.sqrt(squared_error / squared_norm) if squared_norm else 0.0
