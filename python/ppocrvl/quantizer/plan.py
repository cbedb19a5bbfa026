# SPDX-License-Identifier: Apache-2.0
"""What becomes of each tensor of a file: its type, and its shape where it is padded."""

from __future__ import annotations

import fnmatch
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ppocrvl.errors import OptionError
from ppocrvl.quantizer.schemes import (
    LLM_SCHEMES,
    MMPROJ_SCHEMES,
    ModelShape,
    Scheme,
    fits,
    fitting_type,
    padded_width,
    wanted_type,
)
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# The first dimension that has the encoder's FFN width, in ggml's order.
_FFN_DIMENSION = {"ffn_up.weight": 1, "ffn_up.bias": 0, "ffn_down.weight": 0}
_ANY = MMPROJ_SCHEMES["Q8_0"]
TYPES = tuple(
    dict.fromkeys(
        scheme.base
        for scheme in (*LLM_SCHEMES.values(), *MMPROJ_SCHEMES.values())
        if not scheme.needs_importance
    )
)
"""Of tensors in the files that this writes, and that the engine reads."""

_VISION_FFN = re.compile(r"v\.blk\.\d+\.(ffn_(?:up|down)\.\w+)$")


class SourceTensor(Protocol):
    """What is known of a tensor before it is read."""

    @property
    def name(self) -> str:
        """In the file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """In ggml's order: a row's length comes first."""

    @property
    def type(self) -> str:
        """Of its elements: "F32", "BF16", "Q8_0", ..."""


@dataclass(frozen=True, slots=True)
class PlannedTensor:
    """A tensor of the new file.

    Attributes:
        name: the same as before.
        source_shape: in ggml's order.
        shape: the same, or larger by padding with zeros.
        source_type: "F32", "BF16", ...
        wanted: what the scheme asks for; the source type where it leaves the tensor alone.
        type: what it gets: the wanted type, or another where that does not fit the rows.
    """

    name: str
    source_shape: tuple[int, ...]
    shape: tuple[int, ...]
    source_type: str
    wanted: str
    type: str

    @property
    def n_rows(self) -> int:
        """Number of rows, padding included."""
        return math.prod(self.shape[1:])

    @property
    def n_bytes(self) -> int:
        """Size of the data, without the padding of the file."""
        row = self.shape[0]  # 0 only in a damaged checkpoint that is inspected
        return self.n_rows * _native.quantized_row_bytes(self.type, row) if row else 0


def plan_tensors(
    tensors: Sequence[SourceTensor],
    scheme: Scheme,
    model: ModelShape,
    keep: Mapping[str, str] | None = None,
) -> list[PlannedTensor]:
    """What a scheme makes of the tensors of a file.

    Args:
        tensors: of the source, in file order.
        scheme: the quantization.
        model: what they are part of.
        keep: types for tensors by pattern (`*` and `?` stand for any characters), which come before
            the scheme's; the last pattern that matches counts. What is never quantized stays as it
            is, whatever matches.

    Raises:
        OptionError: a type is none of the schemes', or does not fit a tensor.
    """
    types = {pattern: _kept_type(kind) for pattern, kind in (keep or {}).items()}
    return [_plan(tensor, scheme, model, types) for tensor in tensors]


def can_be_kept(tensor: SourceTensor) -> bool:
    """Whether a pattern may mean this tensor: whether it is one that schemes quantize."""
    row = tensor.shape[0]
    return wanted_type(tensor.name, len(tensor.shape), row, _ANY, ModelShape()) is not None


def _kept_type(kind: str) -> str:
    if kind.upper() not in TYPES:
        raise OptionError(f"{kind!r} is no type to keep; choose from {', '.join(TYPES)}")
    return kind.upper()


def substitutes(planned: Iterable[PlannedTensor]) -> dict[tuple[str, int, str, str], int]:
    """How many tensors cannot have the wanted type.

    Returns:
        Their number by name with `*` for the layer, elements of a row, wanted type, type they get.
    """
    found: dict[tuple[str, int, str, str], int] = {}
    for tensor in planned:
        if tensor.type != tensor.wanted:
            name = re.sub(r"\.\d+\.", ".*.", tensor.name)
            key = (name, tensor.shape[0], tensor.wanted, tensor.type)
            found[key] = found.get(key, 0) + 1
    return found


def _plan(
    tensor: SourceTensor, scheme: Scheme, model: ModelShape, keep: Mapping[str, str]
) -> PlannedTensor:
    shape = _padded_shape(tensor, scheme)
    row = shape[0]
    kept = [kind for pattern, kind in keep.items() if fnmatch.fnmatchcase(tensor.name, pattern)]
    if kept and can_be_kept(tensor):
        wanted = kept[-1]
        if not fits(wanted, row):
            raise OptionError(
                f"{tensor.name} has rows of {row} elements, which cannot be {wanted}; take BF16"
            )
        return PlannedTensor(tensor.name, tensor.shape, shape, tensor.type, wanted, wanted)
    wanted = wanted_type(tensor.name, len(shape), row, scheme, model) or tensor.type
    got = wanted if wanted == tensor.type else fitting_type(wanted, row)
    return PlannedTensor(tensor.name, tensor.shape, shape, tensor.type, wanted, got)


def _padded_shape(tensor: SourceTensor, scheme: Scheme) -> tuple[int, ...]:
    match = _VISION_FFN.match(tensor.name)
    dimension = _FFN_DIMENSION.get(match[1]) if match else None
    if dimension is None:
        return tensor.shape
    shape = list(tensor.shape)
    shape[dimension] = padded_width(shape[dimension], scheme)
    return tuple(shape)
