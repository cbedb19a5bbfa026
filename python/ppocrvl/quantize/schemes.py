# SPDX-License-Identifier: Apache-2.0
"""Which type a tensor gets in each quantization: data, and the little that reads it.

The language model's mixtures are llama-quantize's, tensor by tensor (src/llama-quant.cpp), so that
our files are the ones that people know by these names. Upstream has no mixtures for vision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gguf import LlamaFileType

from ppocrvl.errors import OptionError
from ppocrvl.native import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FLOATS = ("F32", "F16", "BF16")
LARGE_GROUP = 4
"""From so many query heads to a key and value head on, upstream spends more bits on the values."""


def _every(_layer: int, _n_layer: int) -> bool:
    return True


def _spread(layer: int, n_layer: int) -> bool:
    """The first and the last eighth, and every third between (upstream's `use_more_bits`)."""
    eighth = n_layer // 8
    return layer < eighth or layer >= 7 * n_layer // 8 or (layer - eighth) % 3 == 2


def _first(n: int) -> Callable[[int, int], bool]:
    return lambda layer, _n_layer: layer < n


def _first_part(divisor: int) -> Callable[[int, int], bool]:
    return lambda layer, n_layer: layer < n_layer // divisor


@dataclass(frozen=True, slots=True)
class Rule:
    """A tensor of some layers gets another type than most.

    Attributes:
        tensor: "attn_v", "ffn_down", "attn_output", ...
        type: what it gets.
        layers: for which layers.
        large_group: only where `LARGE_GROUP` query heads share a value head.
    """

    tensor: str
    type: str
    layers: Callable[[int, int], bool] = _every
    large_group: bool = False


@dataclass(frozen=True, slots=True)
class Scheme:
    """A quantization by name.

    Attributes:
        name: as llama-quantize calls it.
        base: type of most matrices.
        file_type: `general.file_type`.
        rules: exceptions; the first that holds counts.
    """

    name: str
    base: str
    file_type: int
    rules: tuple[Rule, ...] = ()

    @property
    def quantizes(self) -> bool:
        """Whether this is not one of the float formats."""
        return self.base not in FLOATS

    @property
    def head(self) -> str:
        """Type of the output head, which suffers most from few bits."""
        return self.base if self.base in (*FLOATS, "Q8_0") else "Q6_K"


def _llm(name: str, base: str, *rules: Rule) -> Scheme:
    return Scheme(name, base, LlamaFileType[f"MOSTLY_{name}"].value, rules)


_VALUES, _DOWN, _OUT = "attn_v", "ffn_down", "attn_output"

_LLM = (
    Scheme("F32", "F32", LlamaFileType.ALL_F32.value),
    _llm("F16", "F16"),
    _llm("BF16", "BF16"),
    _llm("Q8_0", "Q8_0"),
    _llm("Q6_K", "Q6_K"),
    _llm("Q5_K_M", "Q5_K", Rule(_VALUES, "Q6_K", _spread), Rule(_DOWN, "Q6_K", _spread)),
    _llm("Q5_K_S", "Q5_K"),
    _llm("Q5_1", "Q5_1"),
    _llm("Q5_0", "Q5_0"),
    _llm("Q4_K_M", "Q4_K", Rule(_VALUES, "Q6_K", _spread), Rule(_DOWN, "Q6_K", _spread)),
    _llm("Q4_K_S", "Q4_K", Rule(_VALUES, "Q5_K", _first(4)), Rule(_DOWN, "Q5_K", _first_part(8))),
    _llm("Q4_1", "Q4_1"),
    _llm("Q4_0", "Q4_0"),
    _llm(
        "IQ4_NL",
        "IQ4_NL",
        Rule(_VALUES, "Q5_K", large_group=True),
        Rule(_DOWN, "Q5_K", _first_part(8)),
    ),
    _llm(
        "IQ4_XS",
        "IQ4_XS",
        Rule(_VALUES, "Q5_K", large_group=True),
        Rule(_DOWN, "Q5_K", _first_part(8)),
    ),
    _llm("Q3_K_L", "Q3_K", Rule(_VALUES, "Q5_K"), Rule(_DOWN, "Q5_K"), Rule(_OUT, "Q5_K")),
    _llm(
        "Q3_K_M",
        "Q3_K",
        Rule(_VALUES, "Q5_K", _first(2)),
        Rule(_VALUES, "Q4_K"),
        Rule(_DOWN, "Q5_K", _first_part(16)),
        Rule(_DOWN, "Q4_K"),
        Rule(_OUT, "Q4_K"),
    ),
    _llm("Q3_K_S", "Q3_K"),
    _llm(
        "IQ3_M",
        "IQ3_S",
        Rule(_VALUES, "Q4_K"),
        Rule(_DOWN, "Q4_K", _first_part(8)),
        Rule(_OUT, "Q4_K"),
    ),
    _llm("IQ3_S", "IQ3_S", Rule(_VALUES, "Q4_K", large_group=True)),
    _llm(
        "Q2_K",
        "Q2_K",
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_VALUES, "Q3_K"),
        Rule(_DOWN, "Q3_K"),
        Rule(_OUT, "Q3_K"),
    ),
)
LLM_SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in _LLM}

_MMPROJ = (
    Scheme("F32", "F32", LlamaFileType.ALL_F32.value),
    Scheme("F16", "F16", LlamaFileType.MOSTLY_F16.value),
    Scheme("BF16", "BF16", LlamaFileType.MOSTLY_BF16.value),
    Scheme("Q8_0", "Q8_0", LlamaFileType.MOSTLY_Q8_0.value),
    Scheme("Q6_K", "Q6_K", LlamaFileType.MOSTLY_Q6_K.value),
    Scheme("Q5_K", "Q5_K", LlamaFileType.MOSTLY_Q5_K_S.value),
    Scheme("Q5_1", "Q5_1", LlamaFileType.MOSTLY_Q5_1.value),
    Scheme("Q5_0", "Q5_0", LlamaFileType.MOSTLY_Q5_0.value),
    Scheme("Q4_K", "Q4_K", LlamaFileType.MOSTLY_Q4_K_S.value),
    Scheme("Q4_1", "Q4_1", LlamaFileType.MOSTLY_Q4_1.value),
    Scheme("Q4_0", "Q4_0", LlamaFileType.MOSTLY_Q4_0.value),
    Scheme("IQ4_NL", "IQ4_NL", LlamaFileType.MOSTLY_IQ4_NL.value),
)
MMPROJ_SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in _MMPROJ}

# For rows that blocks of 256 do not divide: upstream's choice of a type with blocks of 32.
_SMALLER_BLOCKS = {
    "Q6_K": "Q8_0",
    "Q5_K": "Q5_1",
    "Q4_K": "Q5_0",
    "Q3_K": "Q4_0",
    "Q2_K": "Q4_0",
    "IQ4_XS": "IQ4_NL",
    "IQ3_S": "IQ4_NL",
}
_LAST_RESORT = "F16"

# What is no product of a matrix with activations, or too small to matter.
_NEVER = re.compile(
    r".*norm\.|.*\.ln[12]\.|.*\.post_ln\.|v\.position_embd\.|v\.patch_embd\.|.*\.bias$"
)
_SAME_RULES = {"attn_qkv": "attn_v"}  # fused queries, keys and values
_LAYER = re.compile(r"blk\.(?P<layer>\d+)\.(?P<tensor>\w+)\.")


def find_scheme(name: str, schemes: Mapping[str, Scheme], option: str) -> Scheme:
    """The scheme of this name in any case.

    Raises:
        OptionError: there is none.
    """
    try:
        return schemes[name.upper()]
    except KeyError:
        raise OptionError(
            f"{option} {name!r} is no quantization; choose from {', '.join(schemes)}"
        ) from None


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the rules need to know about a model.

    Attributes:
        n_layer: layers of the language model; 0 for the vision side.
        group: query heads to a value head.
        is_tied: whether the token embedding serves as output head.
    """

    n_layer: int = 0
    group: int = 1
    is_tied: bool = False


def wanted_type(name: str, n_dims: int, row: int, scheme: Scheme, model: ModelShape) -> str | None:
    """The type that a scheme wants for a tensor, whether or not its rows can have it.

    Args:
        name: in the GGUF file.
        n_dims: 1 for a vector, which is never quantized.
        row: elements of a row.
        scheme: the quantization.
        model: what the tensor is part of.

    Returns:
        None for a tensor that stays as it is.
    """
    if n_dims < 2 or _NEVER.match(name):
        return None
    if name == "output.weight" or (model.is_tied and name == "token_embd.weight"):
        return scheme.head if fits(scheme.base, row) else "Q8_0"
    match = _LAYER.match(name)
    if match:
        layer = int(match["layer"])
        tensor = _SAME_RULES.get(match["tensor"], match["tensor"])
        for rule in scheme.rules:
            if (
                rule.tensor == tensor
                and rule.layers(layer, model.n_layer)
                and (model.group >= LARGE_GROUP or not rule.large_group)
            ):
                return rule.type
    return scheme.base


def fitting_type(wanted: str, row: int) -> str:
    """`wanted`, or upstream's substitute if its blocks do not divide rows of so many elements."""
    candidates = (wanted, _SMALLER_BLOCKS.get(wanted, wanted), _LAST_RESORT)
    return next(candidate for candidate in candidates if fits(candidate, row))


def fits(name: str, row: int) -> bool:
    """Whether the blocks of a type divide rows of so many elements."""
    try:
        _native.quantized_row_bytes(name, row)
    except OptionError:
        return False
    return True


def padded_width(n_ff: int, scheme: Scheme) -> int:
    """The encoder's FFN width with zeros behind it, so that rows divide into blocks.

    The official width of 4304 would leave 45 % of the vision side at 16 bits: blocks of 32 need
    4320, those of 256 need 4352. GELU of 0 is 0, and zero columns take no part, so the padding
    changes no result.
    """
    if not scheme.quantizes:
        return n_ff
    block = 256 if scheme.base in _SMALLER_BLOCKS else 32
    return -(-n_ff // block) * block
