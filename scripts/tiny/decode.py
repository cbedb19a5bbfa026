# SPDX-License-Identifier: Apache-2.0
"""Greedy decoding of batches of equally large pictures, with a key-value cache."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from tiny import model as network
from tiny import tokenizer


def greedy(
    model: network.Network,
    pixels: Tensor,
    prompt: str,
    max_tokens: int = 400,
    *,
    llama_graph: bool = False,
) -> list[str]:
    """Read normalised ``pixels`` [B, 3, H, W]; one string per picture.

    ``llama_graph`` reads as llama.cpp's own graph does (antialiased position embedding, tanh GELU).
    """
    with torch.inference_mode():
        image = network.encode_images(model, pixels, antialias=llama_graph, tanh=llama_graph)
        ids = _generate(
            model, image, (pixels.shape[2] // 28, pixels.shape[3] // 28), prompt, max_tokens
        )
    return [tokenizer.detokenize(row) for row in ids.tolist()]


def _generate(
    model: network.Network, image: Tensor, grid: tuple[int, int], prompt: str, max_tokens: int
) -> Tensor:
    """Ids [B, max_tokens] after image tokens [B, rows*cols, hidden], filled up with ``</s>``."""
    before, after = tokenizer.prompt_ids(prompt)
    embed = model.model.language_model.embed_tokens
    prefix = embed(torch.tensor(before + after)).expand(len(image), -1, -1)
    x = torch.cat((prefix[:, : len(before)], image, prefix[:, len(before) :]), dim=1)
    n = x.shape[1]
    position = network.positions(len(before), *grid, len(after) + max_tokens)
    cos, sin = network.rope_tables(model, position)
    cache = network.Cache([], [])
    states, _, _ = network.decode(model, x, cos[:n], sin[:n], cache=cache)
    out = torch.full((len(image), max_tokens), tokenizer.EOS)
    done = torch.zeros(len(image), dtype=torch.bool)
    for step in range(max_tokens):
        token = F.linear(states[:, -1], model.lm_head.weight).argmax(1)
        token = torch.where(done, torch.full_like(token, tokenizer.EOS), token)
        out[:, step] = token
        done |= token == tokenizer.EOS
        if bool(done.all()):
            break
        at = slice(n + step, n + step + 1)
        states, _, _ = network.decode(model, embed(token)[:, None], cos[at], sin[at], cache=cache)
    return out
