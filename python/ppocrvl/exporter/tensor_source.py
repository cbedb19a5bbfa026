# SPDX-License-Identifier: Apache-2.0
"""Matches the tensors of a checkpoint with the table, and reads them in row chunks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.tensor_spec import (
    OUTPUT_HEAD,
    PATCH_EMBEDDING,
    TensorSpec,
    fused_name,
    is_dead,
    original_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ppocrvl.exporter.safetensors_reader import SafetensorsFile, StoredTensor

# 2^20 elements keep the temporaries of the conversions below 40 MiB.
CHUNK_ELEMENTS = 1 << 20
DTYPES: dict[str, np.dtype[np.generic]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_LISTED_NAMES = 12


@dataclass(frozen=True, slots=True)
class TensorSource:
    """Where the rows of one expected tensor are read.

    Attributes:
        spec: The row of the table.
        channels_last: A convolution kernel stored as [out, height, width, in].
    """

    spec: TensorSpec
    file: SafetensorsFile
    stored: StoredTensor
    first_row: int
    channels_last: bool

    @property
    def name(self) -> str:
        """The tensor's name in the checkpoint."""
        return self.stored.name

    @property
    def dtype(self) -> str:
        """Number format of the stored values: "F32", "F16" or "BF16"."""
        return self.stored.dtype

    def chunks(self) -> Iterator[npt.NDArray[np.generic]]:
        """Yields consecutive rows as arrays [rows, *shape[1:]]; bf16 comes as its uint16 bits.

        Raises:
            CheckpointError: The file ends early or cannot be read.
        """
        dtype = DTYPES[self.dtype]
        n_rows, *row_shape = self.spec.shape
        row_elements = math.prod(row_shape)
        step = max(1, CHUNK_ELEMENTS // row_elements)
        for row in range(0, n_rows, step):
            count = min(step, n_rows - row)
            data = self.file.read(
                self.stored,
                (self.first_row + row) * row_elements * dtype.itemsize,
                count * row_elements * dtype.itemsize,
            )
            array = np.frombuffer(data, dtype)
            if self.channels_last:
                channels, height, width = row_shape
                array = array.reshape(count, height, width, channels).transpose(0, 3, 1, 2)
            yield np.ascontiguousarray(array.reshape(count, *row_shape))


def match_tensors(
    specs: Iterable[TensorSpec], files: Iterable[SafetensorsFile], folder: str
) -> dict[str, TensorSource]:
    """Finds every tensor of the table in the files.

    Args:
        specs: The tensors wanted. The output head may be absent: then it is tied to the token
            embedding, whatever `tie_word_embeddings` says, and left out of the result.
        files: All safetensors files of the checkpoint.
        folder: Named in error messages.

    Returns:
        Original name to source.

    Raises:
        CheckpointError: One error that lists all tensors that are missing, unexpected, repeated,
            mis-shaped, or of a type that cannot be converted.
    """
    problems = Problems()
    found: dict[str, tuple[SafetensorsFile, StoredTensor]] = {}
    for file in files:
        for stored in file.tensors.values():
            name = original_name(stored.name)
            if is_dead(name):
                continue
            if name in found:
                problems.add("repeated", stored.name)
            found[name] = (file, stored)

    used: set[str] = set()
    sources: dict[str, TensorSource] = {}
    for spec in specs:
        source = _find(spec, found)
        if source is not None:
            used.add(original_name(source.stored.name))
            _check(source, problems)
            sources[spec.source] = source
        elif spec.source != OUTPUT_HEAD:
            problems.add("missing", spec.source)
    for name in sorted(found.keys() - used):
        problems.add("unexpected", found[name][1].name)
    problems.raise_if_any(folder)
    return sources


def _find(
    spec: TensorSpec, found: Mapping[str, tuple[SafetensorsFile, StoredTensor]]
) -> TensorSource | None:
    if (place := found.get(spec.source)) is not None:
        file, stored = place
        channels_last = (
            spec.source == PATCH_EMBEDDING
            and stored.shape != spec.shape
            and stored.shape == (spec.shape[0], *spec.shape[2:], spec.shape[1])
        )
        return TensorSource(spec, file, stored, 0, channels_last=channels_last)
    fused = fused_name(spec.source)
    if fused is None or fused not in found:
        return None
    file, stored = found[fused]
    part = ("q_proj", "k_proj", "v_proj").index(spec.source.split(".")[-2])
    return TensorSource(spec, file, stored, part * spec.shape[0], channels_last=False)


def _check(source: TensorSource, problems: Problems) -> None:
    stored, spec = source.stored, source.spec
    expected = spec.shape
    if source.channels_last:
        expected = stored.shape
    elif original_name(stored.name) != spec.source:
        expected = (3 * spec.shape[0], *spec.shape[1:])
    if stored.shape != expected:
        problems.add(
            "mis-shaped", f"{stored.name} {list(stored.shape)} instead of {list(expected)}"
        )
    if stored.dtype not in DTYPES:
        problems.add("not F32, F16 or BF16", f"{stored.name} ({stored.dtype})")


class Problems:
    """Collects what is wrong, so that one error tells all of it."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[str, None]] = {}

    def add(self, kind: str, what: str) -> None:
        """Adds one fault; a kind is "missing", "mis-shaped", ..."""
        self._by_kind.setdefault(kind, {})[what] = None

    def raise_if_any(self, folder: str) -> None:
        """Raises one `CheckpointError` that lists all faults."""
        if not self._by_kind:
            return
        kinds = []
        for kind, entries in self._by_kind.items():
            shown = list(entries)[:_LISTED_NAMES]
            if len(entries) > _LISTED_NAMES:
                shown.append(f"and {len(entries) - _LISTED_NAMES} more")
            kinds.append(f"{len(entries)} {kind}: {', '.join(shown)}")
        raise CheckpointError(
            f"{folder}: the tensors do not fit config.json: {'; '.join(kinds)}; check that all "
            "files are there and belong to one checkpoint"
        )
