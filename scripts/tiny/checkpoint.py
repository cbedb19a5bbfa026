# SPDX-License-Identifier: Apache-2.0
"""Checkpoint folders of the official layout: written, read, and taken up by a larger network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from tiny import export
from tiny.model import Reader, build, official_config
from tiny.tokenizer import SPACE, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


NAMES = (
    ("visual.", "model.visual."),
    ("mlp_AR.", "model.projector."),
    ("model.", "model.language_model."),
)  # of the official layout, and transformers'
ENDS = ("o_proj.weight", "down_proj.weight", "out_proj.weight", "fc2.weight")
"""The last matrices of residual branches: what is new in them starts as zeros."""


def write(reader: Reader, folder: Path) -> None:
    """Write weights (bf16), configuration and tokenizer files to ``folder``, weights last."""
    reader.vocabulary.write(folder)
    export.write_texts(folder)
    state: dict[str, Tensor] = {}
    for name, value in reader.network.state_dict().items():
        old = next((o + name[len(n) :] for o, n in NAMES if name.startswith(n)), name)
        state[old] = value.detach().to(torch.bfloat16).contiguous().clone()
    unused = sorted(set(range(reader.vocabulary.size)) - set(reader.vocabulary.written))
    state["lm_head.weight"][unused] = state["lm_head.weight"][unused[0]].clone()
    export.write_json(folder / "config.json", reader.config)
    temporary = folder / "model.safetensors.part"
    save_file(state, temporary, metadata={"format": "pt"})
    temporary.chmod(0o644)
    temporary.replace(folder / "model.safetensors")


def _state(folder: Path) -> dict[str, Tensor]:
    out = {}
    for name, value in load_file(folder / "model.safetensors").items():
        new = next((n + name[len(o) :] for o, n in NAMES if name.startswith(o)), name)
        out[new] = value.float()
    return out


def load(folder: Path) -> Reader:
    """The model of a checkpoint, in float32."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network, state = build(config), _state(folder)
    network.load_state_dict(state, strict=True)
    return Reader(network, config, Vocabulary.of(folder, _written(state["lm_head.weight"])))


def _written(rows: Tensor) -> set[int]:
    """The ids with an output row of their own; all others share one, see ``write``."""
    _, place, count = rows.unique(dim=0, return_inverse=True, return_counts=True)
    return set((count[place] == 1).nonzero().squeeze(1).tolist())


def fresh(vocabulary: Vocabulary) -> Reader:
    """An untrained model of the sizes in ``model``."""
    config = official_config(vocabulary)
    return Reader(build(config), config, vocabulary)


def grown(folder: Path, new: Reader) -> Reader:
    """``new``, untrained, with the weights of a smaller checkpoint.

    It computes the same as that does: further layers come after the others, further heads and units
    after the others of their layer, and what they add is zero until it is trained. A piece of
    several characters begins as the mean of them as input, and as half of its first as output.
    """
    old = Vocabulary.of(folder)
    state = _state(folder)
    start = new.network.state_dict()
    out: dict[str, Tensor] = {}
    for name, value in start.items():
        out[name] = torch.zeros_like(value) if name.endswith(ENDS) else value.clone()
        if name not in state:
            continue
        if name.endswith(("embed_tokens.weight", "lm_head.weight")):
            out[name] = _rows(state[name], value, (old, new.vocabulary), output="lm_head" in name)
        else:
            out[name][tuple(slice(n) for n in state[name].shape)] = state[name]
    new.network.load_state_dict(out)
    return new


def _rows(
    rows: Tensor, start: Tensor, vocabularies: tuple[Vocabulary, Vocabulary], *, output: bool
) -> Tensor:
    """The rows of an embedding by the tokens that they stand for."""
    old, new = vocabularies
    out = start.clone()
    for token, i in new.id.items():
        if token in old.id:
            out[i] = rows[old.id[token]]
        elif i < len(new.pieces) and len(token) > 1 and all(c in old.id for c in token):
            parts = rows[[old.id[c] for c in token]]
            first = 1 if token.startswith(SPACE) else 0
            out[i] = 0.5 * parts[first] if output else parts.mean(0)
    return out


def parameters(reader: Reader) -> int:
    """How many numbers the network has."""
    return sum(p.numel() for p in reader.network.parameters())
