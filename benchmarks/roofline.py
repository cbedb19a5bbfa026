# SPDX-License-Identifier: Apache-2.0
"""What the machine could do at best, and the work that each stage of the model is.

Run as a program it prints the machine's peaks as JSON; so PyTorch stays out of other processes.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TypedDict

from gguf import GGUFReader

from encoder import flops, peaks

if TYPE_CHECKING:
    from pathlib import Path

BYTES_OF_KV = 2  # float16


class Work(TypedDict):
    """Of a language model's file.

    Attributes:
        block_parameters: in the matrices of all layers.
        output_parameters: in the matrix that makes logits.
        step_bytes: of the weights that a decoding step reads.
        kv_bytes: that a token takes in the cache.
        attention: width of all heads together, times layers.
    """

    block_parameters: int
    output_parameters: int
    step_bytes: int
    kv_bytes: int
    attention: int


def work_of(llm: Path) -> Work:
    """Reads it from the file's header."""
    reader = GGUFReader(llm)
    arch = str(reader.fields["general.architecture"].contents())

    def key(name: str) -> int:
        return int(reader.fields[f"{arch}.{name}"].contents())

    tensors = {tensor.name: tensor for tensor in reader.tensors}
    head = "output.weight" if "output.weight" in tensors else "token_embd.weight"
    matrices = [
        math.prod(int(n) for n in tensor.shape)
        for name, tensor in tensors.items()
        if name.startswith("blk.") and len(tensor.shape) == 2
    ]
    # A step looks up single rows of the embedding and reads all else.
    read = [t.n_bytes for name, t in tensors.items() if name != "token_embd.weight" or name == head]
    layers, width = key("block_count"), key("attention.key_length")
    return {
        "block_parameters": sum(matrices),
        "output_parameters": math.prod(int(n) for n in tensors[head].shape),
        "step_bytes": int(sum(read)),
        "kv_bytes": 2 * layers * key("attention.head_count_kv") * width * BYTES_OF_KV,
        "attention": layers * key("attention.head_count") * width,
    }


def encode_flops(image_tokens: int) -> float:
    """Products of the official encoder's layers; patches and projector are under 3 % more."""
    return sum(flops(4 * image_tokens).values())


def prefill_flops(work: Work, tokens: int) -> float:
    """Products of the layers, causal attention, and one row of logits."""
    return (
        2.0 * work["block_parameters"] * tokens
        + 2.0 * tokens * tokens * work["attention"]
        + 2.0 * work["output_parameters"]
    )


def decode_bytes(work: Work, prompt_tokens: int, tokens: int, sequences: int = 1) -> float:
    """Read by all steps: the weights once a step, and the cache of every sequence."""
    steps = tokens - 1  # the first token comes with the prompt
    held = sequences * (prompt_tokens + tokens / 2)
    return steps * (work["step_bytes"] + held * work["kv_bytes"])


if __name__ == "__main__":
    print(json.dumps(peaks()))
