# SPDX-License-Identifier: Apache-2.0
"""The network: transformers' PaddleOCR-VL modules with a batched forward of our own.

transformers runs its vision encoder image by image; training uses batches of equally large
pictures, for which plain batched attention is much faster. The parameters are transformers' own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PaddleOCRVLConfig, PaddleOCRVLForConditionalGeneration

from tiny import render, tokenizer

if TYPE_CHECKING:
    from pathlib import Path

Network: TypeAlias = Any  # transformers' PaddleOCRVLForConditionalGeneration, which has no types

VISION = {
    "hidden_size": 192,
    "intermediate_size": 1008,  # 32 does not divide it: must be padded before quantization
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
}
TEXT = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 5,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 128,
}
MIN_PIXELS, MAX_PIXELS = render.MIN_CELLS * 28 * 28, 1280 * 28 * 28


def official_config(
    vision: dict[str, int] | None = None, text: dict[str, int] | None = None
) -> dict[str, Any]:
    """``config.json`` in the flat official layout, with our sizes and ids."""
    return {
        "architectures": ["PaddleOCRVLForConditionalGeneration"],
        "attention_probs_dropout_prob": 0.0,
        "compression_ratio": 1.0,
        "hidden_act": "silu",
        "hidden_dropout_prob": 0.0,
        "ignored_index": -100,
        "image_token_id": tokenizer.IMAGE,
        "max_position_embeddings": 4096,
        "max_sequence_length": None,
        "model_type": "paddleocr_vl",
        "pad_token_id": 0,
        "ppocrvl_max_lines": 1,  # it reads blocks too, but repeats words there
        "rms_norm_eps": 1e-05,
        "rope_is_neox_style": True,
        "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
        "rope_theta": 500000,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_3d_rope": True,
        "use_bias": False,
        "use_cache": False,
        "use_flash_attention": False,
        "video_token_id": tokenizer.ID["<|video_pad|>"],
        "vision_config": {
            "architectures": ["PaddleOCRVisionModel"],
            "attention_dropout": 0.0,
            "hidden_act": "gelu_pytorch_tanh",
            "image_size": 384,
            "layer_norm_eps": 1e-06,
            "model_type": "paddleocr_vl",
            "num_channels": 3,
            "pad_token_id": 0,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "tokens_per_second": 2,
            "torch_dtype": "bfloat16",
            **(vision or VISION),
        },
        "vision_end_token_id": tokenizer.ID["<|IMAGE_END|>"],
        "vision_start_token_id": tokenizer.ID["<|IMAGE_START|>"],
        "vocab_size": tokenizer.VOCAB_SIZE,
        "weight_share_add_bias": True,
        **(text or TEXT),
    }


def build(config: dict[str, Any]) -> Network:
    """A fresh ``PaddleOCRVLForConditionalGeneration`` (untied, float32) for a flat config."""
    flat = {k: v for k, v in config.items() if k != "torch_dtype"}
    hf_config = PaddleOCRVLConfig(**json.loads(json.dumps(flat)))
    hf_config.tie_word_embeddings = False
    hf_config.text_config.tie_word_embeddings = False
    model = PaddleOCRVLForConditionalGeneration(hf_config).float()
    if model.lm_head.weight is model.model.language_model.embed_tokens.weight:
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    _initialise(model)
    return model


def _initialise(model: Network) -> None:
    """Normal start of 1/sqrt(fan in), less at the end of residual branches."""
    text_layers = len(model.model.language_model.layers)
    vision_layers = len(model.model.visual.vision_model.encoder.layers)
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            fan = module.weight[0].numel()
            gain = 1.0
            if name.endswith(("o_proj", "down_proj")):
                gain = (2 * text_layers) ** -0.5
            elif name.endswith(("out_proj", "fc2")):
                gain = (2 * vision_layers) ** -0.5
            nn.init.normal_(module.weight, std=gain * fan**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(model.model.language_model.embed_tokens.weight, std=0.5)
    table = model.model.visual.vision_model.embeddings.position_embedding.weight
    nn.init.normal_(table, std=0.02)
    nn.init.normal_(model.lm_head.weight, std=0.02)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (neox halves) of ``x`` [B, heads, N, D] by tables [N, D/2]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def _attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    """Attention in float32 even under autocast: its gradient in bf16 takes twice as long."""
    with torch.autocast("cpu", enabled=False):
        q, k, v = q.float(), k.float(), v.float()
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)


def _position_grid(table: Tensor, rows: int, cols: int, *, antialias: bool) -> Tensor:
    """The learned 27 x 27 table resized bilinearly to the patch grid: [rows*cols, hidden]."""
    side = int(table.shape[0] ** 0.5)
    grid = table.T.reshape(1, -1, side, side)
    grid = F.interpolate(
        grid, (rows, cols), mode="bilinear", align_corners=False, antialias=antialias
    )
    return grid.flatten(2).squeeze(0).T


def encode_images(
    model: Network, pixels: Tensor, *, antialias: bool = False, tanh: bool = False
) -> Tensor:
    """Image tokens of normalised ``pixels`` [B, 3, H, W]: [B, H/28 * W/28, text hidden].

    ``antialias`` and ``tanh`` select what llama.cpp's graph does instead of the reference
    (antialiased position embedding, tanh GELU in the projector).
    """
    vit, projector = model.model.visual.vision_model, model.model.projector
    batch, channels, height, width = pixels.shape
    gh, gw = height // 14, width // 14
    conv = vit.embeddings.patch_embedding
    patches = (
        pixels.reshape(batch, channels, gh, 14, gw, 14)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(batch, gh * gw, -1)
    )
    x = F.linear(patches, conv.weight.flatten(1), conv.bias)
    table = vit.embeddings.position_embedding.weight
    x = x + _position_grid(table, gh, gw, antialias=antialias)
    heads, hidden = model.config.vision_config.num_attention_heads, x.shape[-1]
    inv = vit.encoder.rotary_pos_emb.inv_freq
    row = torch.arange(gh).repeat_interleave(gw)[:, None] * inv
    col = torch.arange(gw).repeat(gh)[:, None] * inv
    angle = torch.cat((row, col), dim=-1)
    cos, sin = angle.cos(), angle.sin()
    for layer in vit.encoder.layers:
        a = layer.self_attn
        weight = torch.cat((a.q_proj.weight, a.k_proj.weight, a.v_proj.weight))
        bias = torch.cat((a.q_proj.bias, a.k_proj.bias, a.v_proj.bias))
        qkv = F.linear(layer.layer_norm1(x), weight, bias).view(
            batch, -1, 3, heads, hidden // heads
        )
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = _attention(_rotate(q, cos, sin), _rotate(k, cos, sin), v, causal=False)
        x = x + a.out_proj(y.transpose(1, 2).reshape(batch, -1, hidden))
        h = layer.mlp.fc1(layer.layer_norm2(x))
        x = x + layer.mlp.fc2(F.gelu(h, approximate="tanh"))
    x = projector.pre_norm(vit.post_layernorm(x))
    x = x.view(batch, gh // 2, 2, gw // 2, 2, hidden).transpose(2, 3).reshape(batch, -1, 4 * hidden)
    x = F.gelu(projector.linear_1(x), approximate="tanh" if tanh else "none")
    out: Tensor = projector.linear_2(x)
    return out


def positions(before: int, rows: int, cols: int, after: int) -> Tensor:
    """M-RoPE positions (time, row, column) [3, N]: text, a rows x cols image, text."""
    head = torch.arange(before).expand(3, -1)
    h = torch.arange(rows).repeat_interleave(cols)
    w = torch.arange(cols).repeat(rows)
    image = torch.stack((torch.zeros_like(h), h, w)) + before
    tail = (before + max(rows, cols) + torch.arange(after)).expand(3, -1)
    return torch.cat((head, image, tail), dim=1)


def rope_tables(model: Network, position: Tensor) -> tuple[Tensor, Tensor]:
    """The cosines and sines [N, head_dim/2]: sections 16/24/24 take time, row and column."""
    rotary = model.model.language_model.rotary_emb
    angle = position[..., None].float() * rotary.inv_freq
    parts = angle.split(list(rotary.mrope_section), dim=-1)
    mixed = torch.cat([part[i % 3] for i, part in enumerate(parts)], dim=-1)
    return mixed.cos(), mixed.sin()


@dataclass
class Cache:
    """Keys and values per layer, [B, kv heads, N, head_dim]."""

    keys: list[Tensor]
    values: list[Tensor]


def rms_norm(module: nn.Module, x: Tensor) -> Tensor:
    """RMSNorm with the module's weight and epsilon."""
    return F.rms_norm(x, (x.shape[-1],), module.weight, module.variance_epsilon)


def decode(
    model: Network,
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    *,
    guided: tuple[int, ...] = (),
    cache: Cache | None = None,
    tail: int | None = None,
) -> tuple[Tensor, dict[int, Tensor], list[Tensor]]:
    """The language model on embeddings [B, N, hidden], causal.

    Returns the final normed states, for each layer in ``guided`` the log attention of its head 0
    [B, N, N], and the residual stream after every layer. With ``cache`` the tokens come after those
    in the cache, which grows. With ``tail`` the last layer computes only the last ``tail``
    positions, which is all that a loss needs.
    """
    cfg = model.config.text_config
    dim, kv = cfg.head_dim, cfg.num_key_value_heads
    groups = cfg.num_attention_heads // kv
    batch = x.shape[0]
    logs: dict[int, Tensor] = {}
    stream: list[Tensor] = []
    layers = model.model.language_model.layers
    for i, layer in enumerate(layers):
        a = layer.self_attn
        h = rms_norm(layer.input_layernorm, x)
        if tail is not None and i == len(layers) - 1:
            x = x[:, -tail:]
            weight = torch.cat((a.k_proj.weight, a.v_proj.weight))
            k, v = (
                F.linear(h, weight)
                .view(batch, -1, 2 * kv, dim)
                .transpose(1, 2)
                .split((kv, kv), dim=1)
            )
            q = a.q_proj(h[:, -tail:]).view(batch, tail, -1, dim).transpose(1, 2)
        else:
            weight = torch.cat((a.q_proj.weight, a.k_proj.weight, a.v_proj.weight))
            qkv = F.linear(h, weight).view(batch, h.shape[1], -1, dim).transpose(1, 2)
            q, k, v = qkv.split((groups * kv, kv, kv), dim=1)
        n = q.shape[2]
        q, k = _rotate(q, cos[-n:], sin[-n:]), _rotate(k, cos, sin)
        if cache is not None:
            if len(cache.keys) > i:
                k, v = torch.cat((cache.keys[i], k), 2), torch.cat((cache.values[i], v), 2)
                cache.keys[i], cache.values[i] = k, v
            else:
                cache.keys.append(k)
                cache.values.append(v)
        if i in guided:
            seen = k.shape[2]
            mask = torch.full((n, seen), float("-inf")).triu(1 + seen - n)
            log = torch.log_softmax((q @ k.transpose(2, 3)).float() * dim**-0.5 + mask, dim=-1)
            logs[i] = log[:, 0]
            y = log.exp() @ v
        else:
            y = _attention(q, k, v, causal=n > 1)
        x = x + a.o_proj(y.transpose(1, 2).reshape(batch, n, -1))
        h = rms_norm(layer.post_attention_layernorm, x)
        x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(h)) * layer.mlp.up_proj(h))
        stream.append(x)
    return rms_norm(model.model.language_model.norm, x), logs, stream


def save(model: Network, config: dict[str, Any], folder: Path) -> None:
    """Write ``model.safetensors`` (bf16, original tensor names) and ``config.json`` atomically."""
    state: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        original = (
            name.replace("model.visual.", "visual.")
            .replace("model.projector.", "mlp_AR.")
            .replace("model.language_model.", "model.")
        )
        state[original] = value.detach().to(torch.bfloat16).contiguous().clone()
    unused = sorted(set(range(tokenizer.VOCAB_SIZE)) - set(tokenizer.TARGET_IDS))
    state["lm_head.weight"][unused] = state["lm_head.weight"][unused[0]].clone()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "model.safetensors.part"
    save_file(state, temporary, metadata={"format": "pt"})
    temporary.chmod(0o644)
    temporary.replace(folder / "model.safetensors")
    temporary = folder / "config.json.part"
    temporary.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(folder / "config.json")


def grown(state: dict[str, Tensor], model: Network) -> dict[str, Tensor]:
    """The weights of a smaller network as a state of ``model``, which computes the same with them.

    Further layers come after the others, further units after the others of their layer. What they
    add is zero until it is trained: the last matrices of all residual branches start as zeros.
    """
    ends = ("o_proj.weight", "down_proj.weight", "out_proj.weight", "fc2.weight")
    out = {}
    for name, start in model.state_dict().items():
        out[name] = torch.zeros_like(start) if name.endswith(ends) else start.clone()
        if name in state:
            old = state[name]
            out[name][tuple(slice(n) for n in old.shape)] = old
    return out


def load(folder: Path, *, grow: bool = False) -> tuple[Network, dict[str, Any]]:
    """The model of an exported checkpoint as float32, and its flat config.

    With ``grow`` it has the numbers of layers and units that ``VISION`` and ``TEXT`` say now.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if grow:
        config = official_config()
    model = build(config)
    state = {}
    for name, value in load_file(folder / "model.safetensors").items():
        new = name
        for old, prefix in (
            ("visual.", "model.visual."),
            ("mlp_AR.", "model.projector."),
            ("model.", "model.language_model."),
        ):
            if name.startswith(old):
                new = prefix + name[len(old) :]
                break
        state[new] = value.float()
    model.load_state_dict(grown(state, model) if grow else state, strict=True)
    return model, config
