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
from ppocrvl.support.native import _native

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
    """A tensor, or that of some layers, gets another type than most.

    Attributes:
        tensor: "attn_v", "ffn_down", ... of a layer; else the name without ".weight": "token_embd",
            "mm.1", and "output" for what serves as output head.
        type: what it gets.
        layers: for which layers.
        large_group: only where `LARGE_GROUP` query heads share a value head.
        importance: only with (True) or without (False) an importance matrix; None: either way.
    """

    tensor: str
    type: str
    layers: Callable[[int, int], bool] = _every
    large_group: bool = False
    importance: bool | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """A quantization by name.

    Attributes:
        name: as llama-quantize calls it.
        base: type of most matrices.
        file_type: `general.file_type`.
        rules: exceptions; the first that holds counts.
        needs_importance: without an importance matrix the result is garbage.
    """

    name: str
    base: str
    file_type: int
    rules: tuple[Rule, ...] = ()
    needs_importance: bool = False

    @property
    def quantizes(self) -> bool:
        """Whether this is not one of the float formats."""
        return self.base not in FLOATS

    @property
    def head(self) -> str:
        """Type of the output head, which suffers most from few bits, where no rule names it."""
        return self.base if self.base in (*FLOATS, "Q8_0") else "Q6_K"


def _llm(name: str, base: str, *rules: Rule, needs_importance: bool = False) -> Scheme:
    file_type = LlamaFileType[f"MOSTLY_{name}"].value
    return Scheme(name, base, file_type, rules, needs_importance)


_QUERIES, _KEYS, _VALUES, _OUT = "attn_q", "attn_k", "attn_v", "attn_output"
_GATE, _UP, _DOWN = "ffn_gate", "ffn_up", "ffn_down"
_EMBEDDING, _HEAD = "token_embd", "output"


def _middle(layer: int, n_layer: int) -> bool:
    return n_layer // 8 <= layer < 7 * n_layer // 8


def _lowest(name: str, base: str, more: str, embedding: str, *rules: Rule) -> Scheme:
    """One of upstream's mixtures of about two bits; `more`: for what they spare."""
    return _llm(
        name,
        base,
        Rule(_HEAD, "Q5_K"),
        Rule(_EMBEDDING, embedding),
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_VALUES, more),
        Rule(_DOWN, more, _first_part(8)),
        *rules,
        needs_importance=True,
    )


_LLM = (
    Scheme("F32", "F32", LlamaFileType.ALL_F32.value),
    _llm("F16", "F16"),
    _llm("BF16", "BF16"),
    _llm("Q8_0", "Q8_0"),
    _llm("Q6_K", "Q6_K"),
    _llm("Q5_K_M", "Q5_K", Rule(_VALUES, "Q6_K", _spread), Rule(_DOWN, "Q6_K", _spread)),
    _llm("Q5_K_S", "Q5_K"),
    _llm("Q5_1", "Q5_1"),
    _llm("Q5_0", "Q5_0", Rule(_DOWN, "Q5_1", _first_part(8), importance=True)),
    _llm("Q4_K_M", "Q4_K", Rule(_VALUES, "Q6_K", _spread), Rule(_DOWN, "Q6_K", _spread)),
    _llm("Q4_K_S", "Q4_K", Rule(_VALUES, "Q5_K", _first(4)), Rule(_DOWN, "Q5_K", _first_part(8))),
    _llm("Q4_1", "Q4_1"),
    _llm("Q4_0", "Q4_0", Rule(_DOWN, "Q4_1", _first_part(8), importance=True)),
    _llm(
        "IQ4_NL",
        "IQ4_NL",
        Rule(_VALUES, "Q5_K", large_group=True),
        Rule(_DOWN, "Q5_K", _first_part(8), importance=False),
    ),
    _llm(
        "IQ4_XS",
        "IQ4_XS",
        Rule(_VALUES, "Q5_K", large_group=True),
        Rule(_DOWN, "Q5_K", _first_part(8), importance=False),
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
        "IQ3_XS",
        "IQ3_S",
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_QUERIES, "IQ3_XXS"),
        Rule(_KEYS, "IQ3_XXS"),
        Rule(_GATE, "IQ3_XXS", _middle),
        Rule(_UP, "IQ3_XXS", _middle),
        needs_importance=True,
    ),
    _llm(
        "IQ3_XXS",
        "IQ3_XXS",
        Rule(_HEAD, "Q5_K"),
        Rule(_EMBEDDING, "IQ3_S"),
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_QUERIES, "IQ2_S"),
        Rule(_KEYS, "IQ2_S"),
        Rule(_OUT, "IQ3_S"),
        needs_importance=True,
    ),
    _llm(
        "Q2_K",
        "Q2_K",
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_VALUES, "Q3_K"),
        Rule(_DOWN, "Q3_K"),
        Rule(_OUT, "Q3_K"),
    ),
    _llm(
        "Q2_K_S",
        "Q2_K",
        Rule(_VALUES, "Q4_K", large_group=True),
        Rule(_DOWN, "Q4_K", _first_part(8)),
        needs_importance=True,
    ),
    _lowest("IQ2_M", "IQ2_S", "IQ3_S", "IQ3_S", Rule(_OUT, "IQ3_S")),
    _lowest("IQ2_S", "IQ2_XS", "IQ3_S", "IQ3_S", Rule(_OUT, "IQ3_S")),
    _lowest("IQ2_XS", "IQ2_XS", "Q2_K", "Q2_K"),
    _lowest("IQ2_XXS", "IQ2_XXS", "Q2_K", "Q2_K"),
    _lowest("IQ1_M", "IQ1_M", "Q2_K", "Q2_K", Rule(_OUT, "IQ2_XXS")),
    _lowest("IQ1_S", "IQ1_S", "Q2_K", "Q2_K", Rule(_OUT, "IQ2_XXS")),
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
    **dict.fromkeys(("IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"), "IQ4_NL"),
}
_LAST_RESORT = "F16"

# What is no product of a matrix with activations, or too small to matter.
_NEVER = re.compile(
    r".*norm\.|.*\.ln[12]\.|.*\.post_ln\.|v\.position_embd\.|v\.patch_embd\.|.*\.bias$"
)
_SAME_RULES = {"attn_qkv": "attn_v"}  # fused queries, keys and values
_LAYER = re.compile(r"(?:v\.)?blk\.(?P<layer>\d+)\.(?P<tensor>\w+)\.")


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
        n_layer: layers of the language model, or of the encoder.
        group: query heads to a value head.
        is_tied: whether the token embedding serves as output head.
        has_importance: whether there is an importance matrix.
    """

    n_layer: int = 0
    group: int = 1
    is_tied: bool = False
    has_importance: bool = False


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
    match = _LAYER.match(name)
    layer = int(match["layer"]) if match else 0
    tensor = match["tensor"] if match else name.removesuffix(".weight")
    if model.is_tied and tensor == _EMBEDDING:
        tensor = _HEAD
    if tensor == _HEAD and not fits(scheme.base, row):
        return "Q8_0"
    tensor = _SAME_RULES.get(tensor, tensor)
    for rule in scheme.rules:
        if (
            rule.tensor == tensor
            and rule.layers(layer, model.n_layer)
            and (model.group >= LARGE_GROUP or not rule.large_group)
            and rule.importance in (None, model.has_importance)
        ):
            return rule.type
    return scheme.head if tensor == _HEAD else scheme.base


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
    types = {scheme.base, *(rule.type for rule in scheme.rules if rule.tensor == _DOWN)}
    block = 256 if types & _SMALLER_BLOCKS.keys() else 32
    return -(-n_ff // block) * block
