# SPDX-License-Identifier: Apache-2.0
"""The three mixtures for both halves that are named by what they are for: data.

Chosen by benchmarks/quantization.py; docs/quantization.md has what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gguf import LlamaFileType

from ppocrvl.errors import OptionError
from ppocrvl.quantizer.schemes import Rule, Scheme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Preset:
    """What both files get; each scheme has the preset's name, which the file names carry."""

    llm: Scheme
    mmproj: Scheme


DEFAULT_PRESET = "balanced"


def _scheme(preset: str, base: str, file_type: LlamaFileType, *rules: Rule) -> Scheme:
    return Scheme(preset, base, file_type.value, rules)


# By what benchmarks/sensitivity.py found: values, keys and the decoder's attention output are small
# and suffer most; so does the token embedding. The head suffers little, and is read for every
# token. Of the encoder, the keys and the first half of the FFN suffer most.
PRESETS: Mapping[str, Preset] = {
    "small": Preset(
        llm=_scheme(
            "small",
            "Q4_K",
            LlamaFileType.MOSTLY_Q4_K_M,
            Rule("output", "Q4_K"),
            Rule("attn_v", "Q6_K"),
            Rule("attn_k", "Q6_K"),
            Rule("attn_output", "Q5_K"),
        ),
        mmproj=_scheme(
            "small",
            "IQ4_NL",
            LlamaFileType.MOSTLY_IQ4_NL,
            Rule("ffn_up", "Q5_0"),
            Rule("attn_k", "Q5_0"),
            Rule("mm.1", "Q5_0"),
            Rule("mm.2", "Q8_0"),
        ),
    ),
    "balanced": Preset(
        llm=_scheme(
            "balanced",
            "Q5_K",
            LlamaFileType.MOSTLY_Q5_K_M,
            Rule("output", "Q5_K"),
            Rule("token_embd", "Q6_K"),
            Rule("attn_v", "Q6_K"),
            Rule("attn_k", "Q6_K"),
            Rule("attn_output", "Q6_K"),
            Rule("ffn_down", "Q6_K"),
        ),
        mmproj=_scheme("balanced", "Q8_0", LlamaFileType.MOSTLY_Q8_0, Rule("ffn_down", "Q6_K")),
    ),
    "quality": Preset(
        llm=_scheme("quality", "Q8_0", LlamaFileType.MOSTLY_Q8_0),
        mmproj=_scheme("quality", "Q8_0", LlamaFileType.MOSTLY_Q8_0),
    ),
}


def advice(cpu_features: Sequence[str]) -> str:
    """Which files suit a CPU, in a sentence; docs/quantization.md has the figures.

    Args:
        cpu_features: as `_native.cpu_features` names them.
    """
    if "AVX512_BF16" in cpu_features:
        return (
            f"the default is {DEFAULT_PRESET}; this CPU multiplies bfloat16 by itself "
            "(AVX512_BF16), so BF16 files may read prompts faster, with twice the memory, and "
            "write their answers slower"
        )
    return (
        f"the default is {DEFAULT_PRESET}; this CPU does not multiply bfloat16 by itself, so BF16 "
        "files are slower in every stage"
    )


def find_preset(name: str) -> Preset:
    """The preset of this name in any case.

    Raises:
        OptionError: there is none.
    """
    try:
        return PRESETS[name.lower()]
    except KeyError:
        raise OptionError(f"{name!r} is no preset; choose from {', '.join(PRESETS)}") from None
