# SPDX-License-Identifier: Apache-2.0
"""The network: transformers' PaddleOCR-VL modules with a packed forward of our own.

Pictures of any sizes and answers of any lengths lie one after the other: matrix products are of
all of them at once, without padding, only attention is of each by itself. The parameters are
transformers' own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import PaddleOCRVLConfig, PaddleOCRVLForConditionalGeneration

from tiny.sizes import CELL, MAX_CELLS, MIN_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiny.tokenizer import Vocabulary

Network: TypeAlias = Any  # transformers' PaddleOCRVLForConditionalGeneration, which has no types

VISION = {
    "hidden_size": 192,
    "intermediate_size": 1008,  # 32 does not divide it: must be padded before quantization
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
}
TEXT = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 128,
}
MIN_PIXELS, MAX_PIXELS = MIN_CELLS * CELL * CELL, MAX_CELLS * CELL * CELL
MAX_LINES = 1  # of a strip that ``ppocrvl parse`` gives it: what was measured to be read best
GUIDED = (0, 2)  # heads of guided layers, if there are so many: where a token begins and ends


@dataclass(frozen=True)
class Reader:
    """A network, its flat configuration, and the vocabulary that it writes in."""

    network: Network
    config: dict[str, Any]
    vocabulary: Vocabulary


def official_config(
    vocabulary: Vocabulary,
    vision: dict[str, int] | None = None,
    text: dict[str, int] | None = None,
) -> dict[str, Any]:
    """``config.json`` in the flat official layout, with our sizes and ids."""
    return {
        "architectures": ["PaddleOCRVLForConditionalGeneration"],
        "attention_probs_dropout_prob": 0.0,
        "compression_ratio": 1.0,
        "hidden_act": "silu",
        "hidden_dropout_prob": 0.0,
        "ignored_index": -100,
        "image_token_id": vocabulary.image,
        "max_position_embeddings": 4096,
        "max_sequence_length": None,
        "model_type": "paddleocr_vl",
        "pad_token_id": 0,
        "ppocrvl_max_lines": MAX_LINES,
        "ppocrvl_tasks": ["ocr", "table"],
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
        "video_token_id": vocabulary.id["<|video_pad|>"],
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
        "vision_end_token_id": vocabulary.id["<|IMAGE_END|>"],
        "vision_start_token_id": vocabulary.id["<|IMAGE_START|>"],
        "vocab_size": vocabulary.size,
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
    """Rotary embedding (neox halves) of ``x`` [N, heads, D] by tables [N, D/2]."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = cos[:, None].to(x.dtype), sin[:, None].to(x.dtype)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def _attention(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int], *, causal: bool) -> Tensor:
    """Attention [N, heads * D] of packed [N, heads, D], each part of ``lengths`` by itself."""
    # Of bfloat16, the fused operation's gradient takes three times as long as plain products.
    one = _plain if torch.is_autocast_enabled("cpu") else _fused
    parts = (x.split(list(lengths)) for x in (q, k, v))
    return torch.cat([one(*some, causal=causal) for some in zip(*parts, strict=True)])


def _fused(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    a, b, c = (x.transpose(0, 1)[None] for x in (q, k, v))
    found = F.scaled_dot_product_attention(a, b, c, is_causal=causal, enable_gqa=True)
    return found[0].transpose(0, 1).flatten(1)


def _plain(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    (n, heads, dim), kv = q.shape, k.shape[1]
    asked = (q * dim**-0.5).view(n, kv, -1, dim).permute(1, 2, 0, 3).reshape(kv, -1, dim)
    scores = asked @ k.permute(1, 2, 0)
    if causal:
        later = torch.ones((n, n), dtype=torch.bool).triu(1)
        scores = scores.view(-1, n, n).masked_fill(later, float("-inf")).view(kv, -1, n)
    found = scores.softmax(-1) @ v.transpose(0, 1)
    return found.view(heads, n, dim).transpose(0, 1).flatten(1)


def _position_grid(table: Tensor, rows: int, cols: int, *, antialias: bool) -> Tensor:
    """The learned 27 x 27 table resized bilinearly to the patch grid: [rows*cols, hidden]."""
    side = int(table.shape[0] ** 0.5)
    grid = table.T.reshape(1, -1, side, side)
    grid = F.interpolate(
        grid, (rows, cols), mode="bilinear", align_corners=False, antialias=antialias
    )
    return grid.flatten(2).squeeze(0).T


def _patches(picture: Tensor) -> Tensor:
    """The patches [rows*cols, 3*14*14] of a picture [3, H, W]."""
    channels, height, width = picture.shape
    parts = picture.reshape(channels, height // 14, 14, width // 14, 14)
    return parts.permute(1, 3, 0, 2, 4).reshape(-1, channels * 14 * 14)


def _merged(x: Tensor, rows: int, cols: int) -> Tensor:
    """2 x 2 patches side by side: [rows/2*cols/2, 4*hidden]."""
    x = x.view(rows // 2, 2, cols // 2, 2, -1).transpose(1, 2)
    return x.reshape(rows * cols // 4, -1)


def encode(
    model: Network, pictures: Sequence[Tensor], *, antialias: bool = False, tanh: bool = False
) -> Tensor:
    """Image tokens of normalised ``pictures`` [3, H, W], one after the other: [N, text hidden].

    ``antialias`` and ``tanh`` select what llama.cpp's graph does instead of the reference
    (antialiased position embedding, tanh GELU in the projector).
    """
    vit, projector = model.model.visual.vision_model, model.model.projector
    grids = [(p.shape[1] // 14, p.shape[2] // 14) for p in pictures]
    lengths = [rows * cols for rows, cols in grids]
    conv = vit.embeddings.patch_embedding
    x = F.linear(torch.cat([_patches(p) for p in pictures]), conv.weight.flatten(1), conv.bias)
    table = vit.embeddings.position_embedding.weight
    x = x + torch.cat([_position_grid(table, *grid, antialias=antialias) for grid in grids])
    heads, hidden = model.config.vision_config.num_attention_heads, x.shape[-1]
    cos, sin = _vision_tables(vit.encoder.rotary_pos_emb.inv_freq, grids)
    for layer in vit.encoder.layers:
        a = layer.self_attn
        weight = torch.cat((a.q_proj.weight, a.k_proj.weight, a.v_proj.weight))
        bias = torch.cat((a.q_proj.bias, a.k_proj.bias, a.v_proj.bias))
        qkv = F.linear(layer.layer_norm1(x), weight, bias).view(-1, 3, heads, hidden // heads)
        q, k, v = qkv.unbind(1)
        y = _attention(_rotate(q, cos, sin), _rotate(k, cos, sin), v, lengths, causal=False)
        x = x + a.out_proj(y)
        h = layer.mlp.fc1(layer.layer_norm2(x))
        x = x + layer.mlp.fc2(F.gelu(h, approximate="tanh"))
    x = projector.pre_norm(vit.post_layernorm(x))
    x = torch.cat([_merged(p, *g) for p, g in zip(x.split(lengths), grids, strict=True)])
    x = F.gelu(projector.linear_1(x), approximate="tanh" if tanh else "none")
    out: Tensor = projector.linear_2(x)
    return out


def _vision_tables(inverse: Tensor, grids: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Cosines and sines [N, head/2] of rows and columns of all pictures' patches."""
    angles = []
    for rows, cols in grids:
        row = torch.arange(rows).repeat_interleave(cols)[:, None] * inverse
        col = torch.arange(cols).repeat(rows)[:, None] * inverse
        angles.append(torch.cat((row, col), dim=-1))
    angle = torch.cat(angles)
    return angle.cos(), angle.sin()


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


class Cache:
    """Keys and values per layer of each sequence, [n, kv heads, head_dim]."""

    def __init__(self, layers: int, sequences: int) -> None:
        self._kept: list[list[tuple[Tensor, Tensor] | None]] = [
            [None] * sequences for _ in range(layers)
        ]

    def attention(
        self, layer: int, q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]
    ) -> Tensor:
        """Attention of what is new with all there is, which is kept."""
        out = []
        parts = (x.split(list(lengths)) for x in (q, k, v))
        for i, (a, b, c) in enumerate(zip(*parts, strict=True)):
            old = self._kept[layer][i]
            if old is not None:
                b, c = torch.cat((old[0], b)), torch.cat((old[1], c))  # noqa: PLW2901
            self._kept[layer][i] = (b, c)
            out.append(_fused(a, b, c, causal=old is None))
        return torch.cat(out)


def rms_norm(module: nn.Module, x: Tensor) -> Tensor:
    """RMSNorm with the module's weight and epsilon."""
    return F.rms_norm(x, (x.shape[-1],), module.weight, module.variance_epsilon)


def _looked_at(
    q: Tensor, k: Tensor, lengths: Sequence[int], answers: Sequence[int]
) -> list[Tensor]:
    """Per sequence the log attention [heads, answer, n] of the guided heads at its answer."""
    out = []
    heads = [h for h in GUIDED if h < q.shape[1]]
    groups = q.shape[1] // k.shape[1]
    for a, b, steps in zip(q.split(list(lengths)), k.split(list(lengths)), answers, strict=True):
        n = len(a)
        asked = torch.stack([a[-steps:, h] for h in heads])
        keys = torch.stack([b[:, h // groups] for h in heads])
        score = (asked @ keys.transpose(1, 2)).float() * a.shape[-1] ** -0.5
        mask = torch.full((steps, n), float("-inf")).triu(1 + n - steps)
        out.append(torch.log_softmax(score + mask, dim=-1))
    return out


@dataclass(frozen=True)
class Decoded:
    """What the language model computed, packed."""

    states: Tensor  # [N, hidden], normed
    looked_at: dict[int, list[Tensor]]  # by guided layer, see ``_looked_at``
    stream: list[Tensor]  # [N, hidden] after every layer


def decode(
    model: Network,
    x: Tensor,
    lengths: Sequence[int],
    tables: tuple[Tensor, Tensor],
    *,
    guided: Sequence[int] = (),
    answers: Sequence[int] = (),
    cache: Cache | None = None,
) -> Decoded:
    """The language model on packed embeddings [N, hidden] of sequences of ``lengths``, causal.

    Args:
        model: the network.
        x: the embeddings.
        lengths: tokens of each sequence; with ``cache``, those that are new.
        tables: cosines and sines [N, head_dim/2] of the tokens' positions.
        guided: layers of which the guided heads' attention is wanted.
        answers: how many tokens at the end of each sequence it is wanted of.
        cache: what the sequences held before.
    """
    cfg = model.config.text_config
    dim, kv = cfg.head_dim, cfg.num_key_value_heads
    heads = cfg.num_attention_heads
    looked_at: dict[int, list[Tensor]] = {}
    stream: list[Tensor] = []
    for i, layer in enumerate(model.model.language_model.layers):
        a = layer.self_attn
        weight = torch.cat((a.q_proj.weight, a.k_proj.weight, a.v_proj.weight))
        qkv = F.linear(rms_norm(layer.input_layernorm, x), weight).view(len(x), -1, dim)
        q, k, v = qkv.split((heads, kv, kv), dim=1)
        q, k = _rotate(q, *tables), _rotate(k, *tables)
        if i in guided:
            looked_at[i] = _looked_at(q, k, lengths, answers)
        if cache is None:
            y = _attention(q, k, v, lengths, causal=True)
        else:
            y = cache.attention(i, q, k, v, lengths)
        x = x + a.o_proj(y)
        h = rms_norm(layer.post_attention_layernorm, x)
        x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(h)) * layer.mlp.up_proj(h))
        stream.append(x)
    return Decoded(rms_norm(model.model.language_model.norm, x), looked_at, stream)
