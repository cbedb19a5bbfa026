# SPDX-License-Identifier: Apache-2.0
"""The table of tensors, against figures and names that were not made from it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from ppocrvl.exporter.config import parse_config
from ppocrvl.exporter.tensor_spec import (
    fused_name,
    is_dead,
    llm_tensors,
    mmproj_tensors,
    original_name,
)
from synthetic_checkpoint import FULL, TINY

if TYPE_CHECKING:
    from pathlib import Path


def test_counts_of_the_official_model() -> None:
    llm, mmproj = llm_tensors(FULL), mmproj_tensors(FULL)
    assert len(llm) == 165
    assert len(mmproj) == 443
    assert sum(math.prod(spec.shape) for spec in llm) == 466_654_208
    assert sum(math.prod(spec.shape) for spec in mmproj) == 438_947_440


def test_shapes_of_the_official_model() -> None:
    shapes = {spec.source: spec.shape for spec in (*llm_tensors(FULL), *mmproj_tensors(FULL))}
    layer = "visual.vision_model.encoder.layers.26"
    expected = {
        "model.layers.17.self_attn.q_proj.weight": (2048, 1024),
        "model.layers.0.self_attn.v_proj.weight": (256, 1024),
        "model.layers.0.self_attn.o_proj.weight": (1024, 2048),
        "model.layers.0.mlp.down_proj.weight": (1024, 3072),
        "visual.vision_model.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
        "visual.vision_model.embeddings.position_embedding.weight": (729, 1152),
        f"{layer}.mlp.fc2.weight": (1152, 4304),
        f"{layer}.mlp.fc1.bias": (4304,),
        "mlp_AR.linear_2.weight": (1024, 4608),
        "mlp_AR.linear_1.bias": (4608,),
        "mlp_AR.pre_norm.bias": (1152,),
    }
    assert {name: shapes[name] for name in expected} == expected


def test_official_config_is_the_full_size(official_files: Path) -> None:
    path = official_files / "config.json"
    assert parse_config(json.loads(path.read_text()), str(path)) == FULL


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("model.embed_tokens.weight", "model.embed_tokens.weight"),
        ("lm_head.weight", "lm_head.weight"),
        ("model.language_model.layers.3.mlp.up_proj.weight", "model.layers.3.mlp.up_proj.weight"),
        (
            "model.visual.vision_model.post_layernorm.bias",
            "visual.vision_model.post_layernorm.bias",
        ),
        ("model.projector.linear_1.weight", "mlp_AR.linear_1.weight"),
        ("language_model.model.norm.weight", "model.norm.weight"),
        ("language_model.lm_head.weight", "lm_head.weight"),
        ("visual.projector.pre_norm.bias", "mlp_AR.pre_norm.bias"),
        (
            "visual.layers.2.layer_norm1.weight",
            "visual.vision_model.encoder.layers.2.layer_norm1.weight",
        ),
        (
            "visual.embeddings.position_embedding.weight",
            "visual.vision_model.embeddings.position_embedding.weight",
        ),
    ],
)
def test_names_of_other_tools(name: str, original: str) -> None:
    assert original_name(name) == original


def test_fused_names() -> None:
    attention = "visual.vision_model.encoder.layers.0.self_attn"
    assert fused_name(f"{attention}.k_proj.bias") == f"{attention}.qkv.bias"
    assert fused_name(f"{attention}.out_proj.bias") is None
    assert fused_name("model.layers.0.self_attn.k_proj.weight") is None


def test_dead_tensors() -> None:
    assert is_dead("visual.vision_model.embeddings.packing_position_embedding.weight")
    assert is_dead("visual.vision_model.head.probe")
    assert is_dead("model.layers.0.self_attn.rotary_emb.inv_freq")
    assert not any(is_dead(spec.source) for spec in (*llm_tensors(FULL), *mmproj_tensors(FULL)))


@pytest.mark.slow
@pytest.mark.reference
def test_names_and_shapes_are_those_of_transformers() -> None:
    import torch
    from transformers import PaddleOCRVLConfig, PaddleOCRVLForConditionalGeneration

    from synthetic_checkpoint import _config_json

    config = PaddleOCRVLConfig(**_config_json(TINY, "transformers5", "bf16"))
    with torch.device("meta"):
        model = PaddleOCRVLForConditionalGeneration(config)
    theirs = {
        original_name(name): tuple(value.shape)
        for name, value in model.state_dict().items()
        if not is_dead(original_name(name))
    }
    ours = {spec.source: spec.shape for spec in (*llm_tensors(TINY), *mmproj_tensors(TINY))}
    assert theirs == ours
