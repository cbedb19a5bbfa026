# SPDX-License-Identifier: Apache-2.0
"""Greedy reading of pictures of any sizes together, with a key-value cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from tiny import model as network
from tiny.tokenizer import EOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def greedy(
    reader: network.Reader,
    pictures: Sequence[Tensor],
    prompt: str,
    max_tokens: int = 400,
    *,
    llama_graph: bool = False,
) -> list[str]:
    """Read normalised ``pictures`` [3, H, W]; one string per picture.

    ``llama_graph`` reads as llama.cpp's own graph does (antialiased position embedding, tanh GELU).
    """
    return [said for said, _ in read(reader, pictures, prompt, max_tokens, llama_graph=llama_graph)]


def read(
    reader: network.Reader,
    pictures: Sequence[Tensor],
    prompt: str,
    max_tokens: int = 400,
    *,
    llama_graph: bool = False,
) -> list[tuple[str, float]]:
    """As ``greedy``, and the probability of the least certain token, that of the end included."""
    with torch.inference_mode():
        ids, least = _generate(reader, pictures, prompt, max_tokens, llama_graph=llama_graph)
    said = [reader.vocabulary.detokenize(row) for row in ids.tolist()]
    return list(zip(said, least.tolist(), strict=True))


def _generate(
    reader: network.Reader,
    pictures: Sequence[Tensor],
    prompt: str,
    max_tokens: int,
    *,
    llama_graph: bool,
) -> tuple[Tensor, Tensor]:
    """Ids [B, max_tokens], filled up with ``</s>``, and least probabilities [B]."""
    model = reader.network
    before, after = (torch.tensor(ids) for ids in reader.vocabulary.prompt_ids(prompt))
    embed = model.model.language_model.embed_tokens
    image = network.encode(model, pictures, antialias=llama_graph, tanh=llama_graph)
    grids = [(p.shape[1] // 28, p.shape[2] // 28) for p in pictures]
    counts = [rows * cols for rows, cols in grids]
    parts, places = [], []
    for own, grid in zip(image.split(counts), grids, strict=True):
        parts += [embed(before), own, embed(after)]
        places.append(network.positions(len(before), *grid, len(after) + max_tokens))
    lengths = [len(before) + n + len(after) for n in counts]
    now = torch.cat([p[:, :n] for p, n in zip(places, lengths, strict=True)], dim=1)
    cache = network.Cache(len(model.model.language_model.layers), len(pictures))
    tables = network.rope_tables(model, now)
    states = network.decode(model, torch.cat(parts), lengths, tables, cache=cache).states
    states = states[torch.tensor(lengths).cumsum(0) - 1]
    out = torch.full((len(pictures), max_tokens), EOS)
    least = torch.ones(len(pictures))
    done = torch.zeros(len(pictures), dtype=torch.bool)
    for step in range(max_tokens):
        chance, token = F.linear(states, model.lm_head.weight).float().softmax(1).max(1)
        token = torch.where(done, torch.full_like(token, EOS), token)
        least = torch.where(done, least, torch.minimum(least, chance))
        out[:, step] = token
        done |= token == EOS
        if bool(done.all()):
            break
        now = torch.stack([p[:, n + step] for p, n in zip(places, lengths, strict=True)], dim=1)
        tables = network.rope_tables(model, now)
        ones = [1] * len(pictures)
        states = network.decode(model, embed(token), ones, tables, cache=cache).states
    return out, least
