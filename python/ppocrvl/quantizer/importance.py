# SPDX-License-Identifier: Apache-2.0
"""Importance matrices: how much an error in each column of a weight matrix counts.

The file is the GGUF kind that llama.cpp's programs write and read: for a matrix `NAME`, the tensor
`NAME.in_sum2` (float32 [columns]) sums the squares of its inputs, and `NAME.counts` (float32 [1])
says how many were summed. The vision side stands in the same file: llama-quantize passes over names
that its model does not have.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gguf import GGUFWriter

from ppocrvl.errors import ModelFormatError, ModelMismatchError
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from ppocrvl.quantizer.source import GgufSource
    from ppocrvl.support.output import Progress

_SUMS, _COUNTS = ".in_sum2", ".counts"
_DATASETS, _CHUNKS = "imatrix.datasets", "imatrix.chunk_count"
_CHUNK_SIZE = "imatrix.chunk_size"
_MODEL = "ppocrvl.imatrix.model"
"""Fingerprint of the model's norms, which every quantization leaves as they are."""

_IN_A_LAYER = re.compile(r"(?:v\.)?blk\.\d+\.")
_NORM = re.compile(r"(.*norm|v\.blk\.\d+\.ln[12]|v\.post_ln)\.(weight|bias)$")


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """What was collected.

    Attributes:
        squares: by name of a matrix: float32 [columns], sums of the squared inputs.
        counts: by name: how many inputs were summed.
        datasets: what was read meanwhile.
        n_chunks: how many pictures (of llama.cpp's own files: pieces of text).
        model: fingerprint of the model, "" where the file does not say.
    """

    squares: Mapping[str, npt.NDArray[np.float32]]
    counts: Mapping[str, int]
    datasets: tuple[str, ...] = ()
    n_chunks: int = 0
    model: str = ""

    def weights(self, name: str) -> npt.NDArray[np.float32] | None:
        """Mean square of each column of a matrix, as llama-quantize computes it."""
        squares = self.squares.get(name)
        if squares is None:
            return None
        count = np.float32(self.counts[name])
        return squares / count if count > 0 else np.ones_like(squares)


def fingerprint(sources: Iterable[GgufSource]) -> str:
    """SHA-256 of all norms of a model, in hexadecimal digits."""
    digest = hashlib.sha256()
    for source in sources:
        for tensor in sorted(source.tensors, key=lambda tensor: tensor.name):
            if _NORM.match(tensor.name):
                digest.update(tensor.name.encode())
                digest.update(source.encoded_rows(tensor).tobytes())
    return digest.hexdigest()


def read_importance(path: str | os.PathLike[str]) -> ImportanceMatrix:
    """Reads a file of ours, or of llama-imatrix.

    Raises:
        ModelFormatError: it is missing, damaged, or something else.
    """
    place = Path(path)
    file = _native.read_gguf(str(place))
    metadata = file.metadata
    data = np.memmap(place, np.uint8, "r")
    found: dict[str, dict[str, npt.NDArray[np.float32]]] = {_SUMS: {}, _COUNTS: {}}
    for tensor in file.tensors:
        for suffix, tensors in found.items():
            if tensor.name.endswith(suffix):
                if tensor.type != "F32":
                    raise ModelFormatError(f"{place}: {tensor.name} is {tensor.type}, not F32")
                some = data[tensor.offset : tensor.offset + tensor.n_bytes]
                tensors[tensor.name.removesuffix(suffix)] = np.frombuffer(
                    some.tobytes(), np.float32
                )
    squares, counts = found[_SUMS], found[_COUNTS]
    if not squares:
        raise ModelFormatError(
            f"{place}: no importance matrix; make one with ppocrvl imatrix, or llama-imatrix"
        )
    for name in sorted(squares.keys() ^ counts.keys()):
        raise ModelFormatError(f"{place}: {name} has sums without a count, or the reverse")
    for name, values in squares.items():
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise ModelFormatError(f"{place}: the sums of {name} are no sums of squares")
        count = counts[name]
        if count.size != 1 or not 0 <= count[0] <= 2**24 * 1024:
            raise ModelFormatError(f"{place}: {name} has no whole count of inputs")
    datasets, n_chunks = metadata.get(_DATASETS), metadata.get(_CHUNKS)
    model = metadata.get(_MODEL, "")
    return ImportanceMatrix(
        squares=squares,
        counts={name: int(count[0]) for name, count in counts.items()},
        datasets=tuple(str(one) for one in datasets) if isinstance(datasets, list) else (),
        n_chunks=n_chunks if isinstance(n_chunks, int) else 0,
        model=model if isinstance(model, str) else "",
    )


def check_importance(
    matrix: ImportanceMatrix, sources: Sequence[GgufSource], where: str
) -> ImportanceMatrix:
    """Passes what was collected on this model, cut to the columns of its matrices.

    Files that were quantized before have zeros behind the encoder's FFN; sums collected on those
    are longer.

    Raises:
        ModelMismatchError: it was collected on another model.
    """
    problem = None
    if matrix.model and matrix.model != fingerprint(sources):
        problem = "its norms differ"
    widths = {tensor.name: tensor.shape[0] for source in sources for tensor in source.tensors}
    squares = {}
    for name, values in matrix.squares.items():
        width = widths.get(name)
        if width is None:
            problem = problem or f"there is no {name}"
            continue
        if len(values) < width or np.any(values[width:]):
            problem = problem or f"{name} has {width} columns, not {len(values)}"
        squares[name] = values[:width]
    for source in sources:
        layers = [t.name for t in source.tensors if len(t.shape) == 2 and _in_a_layer(t.name)]
        missing = [name for name in layers if name not in squares]
        if missing and len(missing) < len(layers):
            problem = problem or f"it knows nothing of {missing[0]}"
    if problem:
        raise ModelMismatchError(
            f"{where}: the importance matrix of another model ({problem}); make one of this model "
            "with ppocrvl imatrix"
        )
    return ImportanceMatrix(squares, matrix.counts, matrix.datasets, matrix.n_chunks, matrix.model)


def _in_a_layer(name: str) -> bool:
    return _IN_A_LAYER.match(name) is not None


@dataclass(frozen=True, slots=True)
class ImportanceFile:
    """A file to be written; see `ppocrvl.output.PendingFile`."""

    path: Path
    matrix: ImportanceMatrix

    def write(self, path: Path, progress: Progress | None) -> None:  # noqa: ARG002
        """Write all of it to `path`, and sync it."""
        matrix = self.matrix
        n_inputs = max(matrix.counts.values(), default=0)
        writer = GGUFWriter(path, "imatrix")  # the architecture, which GGUFWriter always states
        writer.add_type("imatrix")
        writer.add_array(_DATASETS, list(matrix.datasets))
        writer.add_uint32(_CHUNKS, matrix.n_chunks)
        writer.add_uint32(_CHUNK_SIZE, max(1, n_inputs // max(1, matrix.n_chunks)))
        writer.add_string(_MODEL, matrix.model)
        for name in sorted(matrix.squares):
            writer.add_tensor(name + _SUMS, matrix.squares[name].astype(np.float32))
            count = np.array([matrix.counts[name]], np.float32)
            writer.add_tensor(name + _COUNTS, count)
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
