# SPDX-License-Identifier: Apache-2.0
"""The table of tensors: name in the checkpoint, name in the GGUF file, shape, and type rule.

The names of the left column are those of the original checkpoint. `original_name` brings the names
of other tools to that form before anything is looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ppocrvl.exporter.config import NUM_CHANNELS, SPATIAL_MERGE_SIZE, ModelConfig

if TYPE_CHECKING:
    from collections.abc import Iterator


class TypeRule(Enum):
    """Which GGUF type a tensor gets, given the type that was asked for."""

    MATRIX = "the type asked for; F16 where the blocks of a quantized type do not fit a row"
    KERNEL = "F16 if f16 was asked for, else F32: ggml's convolution takes nothing else"
    FLOAT = "always F32: norms, biases, position embedding"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One expected tensor; `shape` is row-major, the reverse of GGUF's order."""

    source: str
    target: str
    shape: tuple[int, ...]
    rule: TypeRule


OUTPUT_HEAD = "lm_head.weight"

_LLM_LAYER = (
    ("input_layernorm", "attn_norm", "hidden", TypeRule.FLOAT),
    ("self_attn.q_proj", "attn_q", "query x hidden", TypeRule.MATRIX),
    ("self_attn.k_proj", "attn_k", "key x hidden", TypeRule.MATRIX),
    ("self_attn.v_proj", "attn_v", "key x hidden", TypeRule.MATRIX),
    ("self_attn.o_proj", "attn_output", "hidden x query", TypeRule.MATRIX),
    ("post_attention_layernorm", "ffn_norm", "hidden", TypeRule.FLOAT),
    ("mlp.gate_proj", "ffn_gate", "ffn x hidden", TypeRule.MATRIX),
    ("mlp.up_proj", "ffn_up", "ffn x hidden", TypeRule.MATRIX),
    ("mlp.down_proj", "ffn_down", "hidden x ffn", TypeRule.MATRIX),
)
_LLM = (
    ("model.embed_tokens", "token_embd", "vocab x hidden", TypeRule.MATRIX),
    ("model.norm", "output_norm", "hidden", TypeRule.FLOAT),
    ("lm_head", "output", "vocab x hidden", TypeRule.MATRIX),
)
# Every module below also has a bias, of the length of its first dimension.
_VISION_LAYER = (
    ("layer_norm1", "ln1", "hidden", TypeRule.FLOAT),
    ("self_attn.q_proj", "attn_q", "hidden x hidden", TypeRule.MATRIX),
    ("self_attn.k_proj", "attn_k", "hidden x hidden", TypeRule.MATRIX),
    ("self_attn.v_proj", "attn_v", "hidden x hidden", TypeRule.MATRIX),
    ("self_attn.out_proj", "attn_out", "hidden x hidden", TypeRule.MATRIX),
    ("layer_norm2", "ln2", "hidden", TypeRule.FLOAT),
    ("mlp.fc1", "ffn_up", "ffn x hidden", TypeRule.MATRIX),
    ("mlp.fc2", "ffn_down", "hidden x ffn", TypeRule.MATRIX),
)
_VISION = (
    (
        "visual.vision_model.embeddings.patch_embedding",
        "v.patch_embd",
        "hidden x channels x patch x patch",
        TypeRule.KERNEL,
    ),
    ("visual.vision_model.post_layernorm", "v.post_ln", "hidden", TypeRule.FLOAT),
    ("mlp_AR.pre_norm", "mm.input_norm", "hidden", TypeRule.FLOAT),
    ("mlp_AR.linear_1", "mm.1", "merged x merged", TypeRule.MATRIX),
    ("mlp_AR.linear_2", "mm.2", "text x merged", TypeRule.MATRIX),
)
_POSITION_EMBEDDING = "visual.vision_model.embeddings.position_embedding.weight"
PATCH_EMBEDDING = "visual.vision_model.embeddings.patch_embedding.weight"

# In the official checkpoint but in no forward pass (52,987,088 parameters).
_DEAD = re.compile(
    r"visual\.vision_model\.(embeddings\.packing_position_embedding\.|head\.)|.*\.inv_freq$"
)

_RENAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # transformers 5 with save_original_format=False
        (r"^model\.language_model\.", "model."),
        (r"^model\.visual\.", "visual."),
        (r"^model\.projector\.", "mlp_AR."),
        # mlx-vlm
        (r"^language_model\.(model|lm_head)\.", r"\1."),
        (r"^visual\.projector\.", "mlp_AR."),
        (r"^visual\.(embeddings|post_layernorm)\.", r"visual.vision_model.\1."),
        (r"^visual\.layers\.", "visual.vision_model.encoder.layers."),
    )
)


def original_name(name: str) -> str:
    """The name that the original checkpoint uses for a tensor named by any known tool."""
    for pattern, replacement in _RENAMES:
        name = pattern.sub(replacement, name, count=1)
    return name


def is_dead(name: str) -> bool:
    """Whether the tensor with this original name takes part in no computation."""
    return _DEAD.match(name) is not None


def fused_name(name: str) -> str | None:
    """The fused tensor, if some tool has one, whose rows hold q, k and v in this order."""
    fused, count = re.subn(
        r"^(visual\..*\.self_attn\.)[qkv]_proj\.(weight|bias)$", r"\1qkv.\2", name
    )
    return fused if count else None


def llm_tensors(config: ModelConfig) -> list[TensorSpec]:
    """The decoder's tensors with the output head, in order of their original names."""
    text = config.text
    sizes = {
        "hidden": text.hidden_size,
        "ffn": text.intermediate_size,
        "query": text.num_attention_heads * text.head_dim,
        "key": text.num_key_value_heads * text.head_dim,
        "vocab": text.vocab_size,
    }
    specs = [
        TensorSpec(f"{source}.weight", f"{target}.weight", _shape(shape, sizes), rule)
        for source, target, shape, rule in _LLM
    ]
    for layer in range(text.num_hidden_layers):
        specs += [
            TensorSpec(
                f"model.layers.{layer}.{source}.weight",
                f"blk.{layer}.{target}.weight",
                _shape(shape, sizes),
                rule,
            )
            for source, target, shape, rule in _LLM_LAYER
        ]
    return _sorted(specs)


def mmproj_tensors(config: ModelConfig) -> list[TensorSpec]:
    """The encoder's and the projector's tensors, in order of their original names."""
    vision = config.vision
    sizes = {
        "hidden": vision.hidden_size,
        "ffn": vision.intermediate_size,
        "channels": NUM_CHANNELS,
        "patch": vision.patch_size,
        "merged": vision.hidden_size * SPATIAL_MERGE_SIZE**2,
        "text": config.text.hidden_size,
    }
    specs = [
        TensorSpec(
            _POSITION_EMBEDDING,
            "v.position_embd.weight",
            (vision.num_positions, vision.hidden_size),
            TypeRule.FLOAT,
        )
    ]
    for row in _VISION:
        specs += _with_bias(*row, sizes)
    for layer in range(vision.num_hidden_layers):
        for source, target, shape, rule in _VISION_LAYER:
            specs += _with_bias(
                f"visual.vision_model.encoder.layers.{layer}.{source}",
                f"v.blk.{layer}.{target}",
                shape,
                rule,
                sizes,
            )
    return _sorted(specs)


def _with_bias(
    source: str, target: str, shape: str, rule: TypeRule, sizes: dict[str, int]
) -> Iterator[TensorSpec]:
    dimensions = _shape(shape, sizes)
    yield TensorSpec(f"{source}.weight", f"{target}.weight", dimensions, rule)
    yield TensorSpec(f"{source}.bias", f"{target}.bias", dimensions[:1], TypeRule.FLOAT)


def _shape(text: str, sizes: dict[str, int]) -> tuple[int, ...]:
    return tuple(sizes[name] for name in text.split(" x "))


def _sorted(specs: list[TensorSpec]) -> list[TensorSpec]:
    """Upstream's converter writes tensors in this order, so whole data sections can be compared."""
    return sorted(specs, key=lambda spec: spec.source)
