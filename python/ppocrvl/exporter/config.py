# SPDX-License-Identifier: Apache-2.0
"""`config.json`, flat (original) or nested (re-saved by transformers 5), as a checked dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The ERNIE-4.5 decoder; widths in elements."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    mrope_section: tuple[int, int, int]
    max_lines: int = 0
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """The SigLIP-NaViT encoder; widths in elements, `patch_size` and `image_size` in pixels."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    layer_norm_eps: float

    @property
    def num_positions(self) -> int:
        """Rows of the learned position embedding, a square grid."""
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the exporter needs to know of `config.json`."""

    text: TextConfig
    vision: VisionConfig


# clip.cpp fixes the merge of 2x2 patches and three channels for this projector.
SPATIAL_MERGE_SIZE = 2
NUM_CHANNELS = 3


def parse_config(data: Mapping[str, Any], path: str) -> ModelConfig:
    """Builds the configuration from the parsed `config.json`.

    Args:
        data: The JSON object.
        path: Named in error messages.

    Raises:
        CheckpointError: Another architecture, a value missing, of the wrong type or out of range,
            or a variant that llama.cpp's graph cannot run.
    """
    if str(data.get("model_type")).startswith("pp_doclayout"):
        raise CheckpointError(
            f"{path}: this is a layout model's checkpoint; ppocrvl.export_layout exports it"
        )
    if data.get("model_type") != "paddleocr_vl":
        raise CheckpointError(
            f"{path}: model_type is {data.get('model_type')!r}, only 'paddleocr_vl' can be exported"
        )
    nested = data.get("text_config")
    text = _Section({**data, **nested} if isinstance(nested, dict) else data, path, "")
    vision_data = data.get("vision_config")
    if not isinstance(vision_data, dict):
        raise CheckpointError(f"{path}: vision_config is missing; take the original config.json")
    return ModelConfig(
        _text_config(text), _vision_config(_Section(vision_data, path, "vision_config."))
    )


# The ranges are those of csrc/files/model_check.cpp, which says why: what is exported loads.


def _text_config(section: _Section) -> TextConfig:
    rope = section.rope()
    heads = section.integer("num_attention_heads", 1, 64)
    hidden = section.integer("hidden_size", 1, 8192)
    config = TextConfig(
        hidden_size=hidden,
        intermediate_size=section.integer("intermediate_size", 1, 32768),
        num_hidden_layers=section.integer("num_hidden_layers", 1, 128),
        num_attention_heads=heads,
        num_key_value_heads=section.integer("num_key_value_heads", 1, 64, default=heads),
        head_dim=section.integer("head_dim", 2, 256, default=hidden // heads),
        vocab_size=section.integer("vocab_size", 4, 1 << 18),
        max_position_embeddings=section.integer("max_position_embeddings", 1, 1 << 20),
        rms_norm_eps=section.real("rms_norm_eps", 1e-12, 1.0),
        rope_theta=rope.real("rope_theta", 1.0, 1e12),
        mrope_section=rope.mrope_section(),
        # Ours: a model that was trained on blocks of few lines says of how many. 0: no limit.
        max_lines=section.integer("ppocrvl_max_lines", 0, 10_000, default=0),
        # And for which tasks it was trained. None: for every one.
        tasks=section.strings("ppocrvl_tasks") if section.has("ppocrvl_tasks") else (),
    )
    section.require("hidden_act", "silu")
    section.require("use_bias", wanted=False)
    if config.num_attention_heads % config.num_key_value_heads:
        raise section.error(
            f"{heads} attention heads cannot share {config.num_key_value_heads} key/value heads"
        )
    if 2 * sum(config.mrope_section) != config.head_dim:
        raise section.error(
            f"mrope_section {list(config.mrope_section)} must sum to half of head_dim "
            f"{config.head_dim}"
        )
    return config


def _vision_config(section: _Section) -> VisionConfig:
    config = VisionConfig(
        hidden_size=section.integer("hidden_size", 1, 4096),
        intermediate_size=section.integer("intermediate_size", 1, 16384),
        num_hidden_layers=section.integer("num_hidden_layers", 1, 64),
        num_attention_heads=section.integer("num_attention_heads", 1, 32),
        image_size=section.integer("image_size", 1, 1 << 14),
        patch_size=section.integer("patch_size", 8, 32),
        layer_norm_eps=section.real("layer_norm_eps", 1e-12, 1.0),
    )
    section.require("hidden_act", "gelu_pytorch_tanh")
    section.require("num_channels", NUM_CHANNELS)
    section.require("spatial_merge_size", SPATIAL_MERGE_SIZE)
    if config.hidden_size % (4 * config.num_attention_heads):
        raise section.error(
            f"hidden_size {config.hidden_size} over {config.num_attention_heads} heads is not a "
            "multiple of 4, which the two-dimensional rotary positions need"
        )
    if config.image_size < config.patch_size:
        raise section.error(
            f"image_size {config.image_size} is smaller than one patch of {config.patch_size}"
        )
    return config


class _Section(Section):
    """The objects of this model's `config.json`."""

    def rope(self) -> _Section:
        """`rope_scaling` of the original layout, or `rope_parameters` of transformers 5."""
        for key in ("rope_parameters", "rope_scaling"):
            value = self._data.get(key)
            if isinstance(value, dict):
                theta = {"rope_theta": self._data.get("rope_theta")}
                rope = _Section({**theta, **value}, self.path, f"{self._prefix}{key}.")
                rope.require("rope_type", "default")
                return rope
        raise self.error("rope_scaling with its mrope_section is missing")

    def mrope_section(self) -> tuple[int, int, int]:
        value = self._data.get("mrope_section")
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(type(item) is int and 0 <= item <= 512 for item in value)
        ):
            raise self.error(f"mrope_section must be three small integers, found {value!r}")
        return (value[0], value[1], value[2])
