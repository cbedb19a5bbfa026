# SPDX-License-Identifier: Apache-2.0
"""What a part would take in each of the usual quantizations, to the byte, and what it keeps out.

Which tensor gets which type follows llama.cpp's `llama-quantize` (src/llama-quant.cpp): only
matrices are quantized, never norms, biases and the position and patch embeddings; the output head
gets 6 bits where the rest gets fewer; the mixtures "_M" give some layers' attention values and FFN
outputs 6 bits; a row that the blocks of a type do not divide falls back to a type that fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppocrvl.errors import OptionError
from ppocrvl.native import _native

if TYPE_CHECKING:
    from ppocrvl.inspection.model_files import ModelPart, Tensor


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Types of a quantization: of most matrices, and of those that get more bits."""

    name: str
    base: str
    more: str
    head: str
    fused: str


_LLM_SCHEMES = (
    _Scheme("Q8_0", "Q8_0", "Q8_0", "Q8_0", "Q8_0"),
    _Scheme("Q6_K", "Q6_K", "Q6_K", "Q6_K", "Q6_K"),
    _Scheme("Q5_K_M", "Q5_K", "Q6_K", "Q6_K", "Q6_K"),
    _Scheme("Q4_K_M", "Q4_K", "Q6_K", "Q6_K", "Q5_K"),
    _Scheme("Q4_0", "Q4_0", "Q4_0", "Q6_K", "Q4_0"),
)
_MMPROJ_SCHEMES = tuple(
    _Scheme(name, name, name, name, name) for name in ("Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0")
)
# For rows that blocks of 256 do not divide, the type with blocks of 32 and no fewer bits.
_SMALLER_BLOCKS = {"Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0"}
_LAST_RESORT = "F16"
_NEVER = re.compile(r".*norm\.|.*\.ln[12]\.|.*\.post_ln\.|v\.position_embd\.|v\.patch_embd\.")
_LAYER = re.compile(r"blk\.(\d+)\.(attn_v|ffn_down)\.")


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
        name: as llama-quantize names it.
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
    schemes = {"llm": _LLM_SCHEMES, "mmproj": _MMPROJ_SCHEMES}.get(part.role, ())
    return tuple(_quantization(part, scheme) for scheme in schemes)


def _quantization(part: ModelPart, scheme: _Scheme) -> Quantization:
    n_layer = part.sizes.n_layer if part.sizes else 0
    is_tied = all(tensor.name != "output.weight" for tensor in part.tensors)
    n_bytes = 0
    types: dict[str, int] = {}
    fallbacks: dict[tuple[str, int, str, str], int] = {}
    for tensor in part.tensors:
        wanted = _wanted_type(tensor, scheme, n_layer, is_tied=is_tied)
        row = tensor.shape[0]
        got = _fitting_type(wanted, row)
        if got != wanted:
            key = (re.sub(r"\.\d+\.", ".*.", tensor.name), row, wanted, got)
            fallbacks[key] = fallbacks.get(key, 0) + 1
        types[got] = types.get(got, 0) + 1
        if row:  # nothing to store else; only a damaged checkpoint has such a tensor
            n_rows = tensor.n_parameters // row
            n_bytes += n_rows * _native.quantized_row_bytes(got, row)
    return Quantization(
        name=scheme.name,
        n_bytes=n_bytes,
        saved_bytes=part.n_bytes - n_bytes,
        types=dict(sorted(types.items(), key=lambda item: (-item[1], item[0]))),
        fallbacks=tuple(
            Fallback(name, count, row, wanted, got)
            for (name, row, wanted, got), count in fallbacks.items()
        ),
    )


def _wanted_type(tensor: Tensor, scheme: _Scheme, n_layer: int, *, is_tied: bool) -> str:
    if len(tensor.shape) < 2 or _NEVER.match(tensor.name):
        return "F32"
    if tensor.name == "output.weight" or (is_tied and tensor.name == "token_embd.weight"):
        return scheme.head if _fits(scheme.base, tensor.shape[0]) else "Q8_0"
    if ".attn_qkv." in tensor.name:
        return scheme.fused
    match = _LAYER.match(tensor.name)
    if match and _gets_more_bits(int(match[1]), n_layer):
        return scheme.more
    return scheme.base


def _gets_more_bits(layer: int, n_layer: int) -> bool:
    """The first and last eighth of the layers, and every third between (`use_more_bits`)."""
    eighth = n_layer // 8
    return layer < eighth or layer >= 7 * n_layer // 8 or (layer - eighth) % 3 == 2


def _fitting_type(wanted: str, row: int) -> str:
    candidates = (wanted, _SMALLER_BLOCKS.get(wanted, wanted), _LAST_RESORT)
    return next(candidate for candidate in candidates if _fits(candidate, row))


def _fits(name: str, row: int) -> bool:
    try:
        _native.quantized_row_bytes(name, row)
    except OptionError:
        return False
    return True
