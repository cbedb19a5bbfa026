# SPDX-License-Identifier: Apache-2.0
"""What a part would take in each of the usual quantizations, to the byte, and what it keeps out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.inspection.model_files import LlmSizes
from ppocrvl.quantizer.plan import plan_tensors, substitutes
from ppocrvl.quantizer.presets import PRESETS
from ppocrvl.quantizer.schemes import (
    LLM_SCHEMES,
    MMPROJ_SCHEMES,
    ModelShape,
    Scheme,
    wanted_type,
)

if TYPE_CHECKING:
    from ppocrvl.inspection.model_files import ModelPart, Tensor

_USUAL = {
    "llm": [
        *(preset.llm for preset in PRESETS.values()),
        *(LLM_SCHEMES[name] for name in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")),
    ],
    "mmproj": [
        *(preset.mmproj for preset in PRESETS.values()),
        *(MMPROJ_SCHEMES[name] for name in ("Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0")),
    ],
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """Tensors whose rows the blocks of the wanted type do not divide.

    Attributes:
        tensors: name with "*" for the layer.
        n_tensors: how many there are.
        row: elements per row.
        wanted: the quantization's type.
        type: what they get instead.
    """

    tensors: str
    n_tensors: int
    row: int
    wanted: str
    type: str


@dataclass(frozen=True, slots=True)
class Quantization:
    """A part in another type.

    Attributes:
        name: of a preset, or as llama-quantize names it.
        n_bytes: of the tensor data.
        saved_bytes: against the part as it is; negative where it would grow.
        types: number of tensors by type.
        fallbacks: what could not get its type.
    """

    name: str
    n_bytes: int
    saved_bytes: int
    types: dict[str, int]
    fallbacks: tuple[Fallback, ...]


def quantizations(part: ModelPart) -> tuple[Quantization, ...]:
    """All usual quantizations of an LLM or mmproj; none for other files."""
    return tuple(_quantization(part, scheme) for scheme in _USUAL.get(part.role, ()))


def _quantization(part: ModelPart, scheme: Scheme) -> Quantization:
    model = _shape(part)
    is_checkpoint = part.file_bytes is None
    tensors = [_exported(t, scheme, model) if is_checkpoint else t for t in part.tensors]
    planned = plan_tensors(tensors, scheme, model)
    types: dict[str, int] = {}
    for tensor in planned:
        types[tensor.type] = types.get(tensor.type, 0) + 1
    n_bytes = sum(tensor.n_bytes for tensor in planned)
    return Quantization(
        name=scheme.name,
        n_bytes=n_bytes,
        saved_bytes=part.n_bytes - n_bytes,
        types=dict(sorted(types.items(), key=lambda item: (-item[1], item[0]))),
        fallbacks=tuple(
            Fallback(name, count, row, wanted, got)
            for (name, row, wanted, got), count in substitutes(planned).items()
        ),
    )


def _exported(tensor: Tensor, scheme: Scheme, model: ModelShape) -> Tensor:
    """As the export writes it: what is never quantized is F32, whatever the checkpoint has."""
    stays = wanted_type(tensor.name, len(tensor.shape), tensor.shape[0], scheme, model) is None
    return dataclasses.replace(tensor, type="F32") if stays else tensor


def _shape(part: ModelPart) -> ModelShape:
    sizes = part.sizes
    if sizes is None:
        return ModelShape()
    if not isinstance(sizes, LlmSizes):
        return ModelShape(n_layer=sizes.n_layer)
    is_tied = all(tensor.name != "output.weight" for tensor in part.tensors)
    return ModelShape(sizes.n_layer, sizes.n_head // max(sizes.n_head_kv, 1), is_tied)
