# SPDX-License-Identifier: Apache-2.0
"""Matches the tensors of a layout checkpoint with the table, and computes them in row chunks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ppocrvl.exporter.encode import to_float32
from ppocrvl.exporter.layout.table import is_dead, module_name, needed_tensors
from ppocrvl.exporter.tensor_source import CHUNK_ELEMENTS, DTYPES, Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ppocrvl.exporter.layout.config import LayoutConfig
    from ppocrvl.exporter.layout.constants import Array
    from ppocrvl.exporter.layout.table import LayoutSpec
    from ppocrvl.exporter.safetensors_reader import SafetensorsFile, StoredTensor
    from ppocrvl.exporter.tensor_spec import TensorSpec


@dataclass(frozen=True, slots=True)
class CheckpointValues:
    """The checkpoint's tensors by the names of the table, read in float64."""

    places: Mapping[str, tuple[SafetensorsFile, StoredTensor]]

    def rows(self, name: str, first: int, count: int) -> Array:
        """Reads `count` rows from row `first` on.

        Raises:
            CheckpointError: The file ends early or cannot be read.
        """
        file, stored = self.places[name]
        dtype = DTYPES[stored.dtype]
        row_bytes = math.prod(stored.shape[1:]) * dtype.itemsize
        data = file.read(stored, first * row_bytes, count * row_bytes)
        values = to_float32(np.frombuffer(data, dtype), stored.dtype)
        return values.astype(np.float64).reshape(count, *stored.shape[1:])

    def whole(self, name: str) -> Array:
        """Reads a small tensor; raises like `rows`."""
        return self.rows(name, 0, self.places[name][1].shape[0])


@dataclass(frozen=True, slots=True)
class LayoutTensor:
    """One tensor of the file, computed from the checkpoint."""

    table_row: LayoutSpec
    values: CheckpointValues

    @property
    def spec(self) -> TensorSpec:
        """Name and shape in the file, and the rule of its type."""
        return self.table_row.spec

    @property
    def name(self) -> str:
        """The checkpoint's tensor that it is made from, or its own name."""
        return self.spec.source

    @property
    def dtype(self) -> str:
        """What is computed is rounded once, to float32."""
        return "F32"

    def chunks(self) -> Iterator[npt.NDArray[np.generic]]:
        """Yields consecutive rows as float32 arrays [rows, *shape[1:]].

        Raises:
            CheckpointError: The file cannot be read, or holds a negative variance.
        """
        n_rows, *row_shape = self.spec.shape
        step = max(1, CHUNK_ELEMENTS // math.prod(row_shape))
        for first in range(0, n_rows, step):
            count = min(step, n_rows - first)
            rows = self.table_row.compute(self.values, first, count)
            with np.errstate(over="ignore"):  # infinity is told when it is written
                yield rows.reshape(count, *row_shape).astype(np.float32)


def match_layout_tensors(
    specs: Iterable[LayoutSpec],
    config: LayoutConfig,
    files: Iterable[SafetensorsFile],
    folder: str,
) -> list[LayoutTensor]:
    """Finds every tensor that the table needs in the files.

    Args:
        specs: The table.
        config: Decides what may be there without being used.
        files: All safetensors files of the checkpoint.
        folder: Named in error messages.

    Returns:
        The tensors to write, in the table's order.

    Raises:
        CheckpointError: One error that lists all tensors that are missing, unexpected, repeated,
            mis-shaped, or of a type that cannot be converted.
    """
    specs = list(specs)
    problems = Problems()
    found: dict[str, tuple[SafetensorsFile, StoredTensor]] = {}
    for file in files:
        for stored in file.tensors.values():
            name = module_name(stored.name)
            if is_dead(name, config):
                continue
            if name in found:
                problems.add("repeated", stored.name)
            found[name] = (file, stored)

    fallbacks = {name: other for spec in specs for name, other in spec.fallbacks.items()}
    needed = needed_tensors(specs)
    places: dict[str, tuple[SafetensorsFile, StoredTensor]] = {}
    for name, shape in needed.items():
        place = found.get(name) or found.get(fallbacks.get(name, ""))
        if place is None:
            problems.add("missing", name)
            continue
        places[name] = place
        stored = place[1]
        if stored.shape != shape:
            problems.add(
                "mis-shaped", f"{stored.name} {list(stored.shape)} instead of {list(shape)}"
            )
        if stored.dtype not in DTYPES:
            problems.add("not F32, F16 or BF16", f"{stored.name} ({stored.dtype})")
    for name in sorted(found.keys() - needed.keys()):
        problems.add("unexpected", found[name][1].name)
    problems.raise_if_any(folder)
    values = CheckpointValues(places)
    return [LayoutTensor(spec, values) for spec in specs]
