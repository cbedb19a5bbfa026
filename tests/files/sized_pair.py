# SPDX-License-Identifier: Apache-2.0
"""Pairs of model files of any shape, whose weights are all zero and take no space on the disk."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gguf

from ppocrvl.exporter.tensor_spec import TypeRule, llm_tensors, mmproj_tensors
from ppocrvl.models.folder import ModelPaths
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ppocrvl.exporter.config import ModelConfig
    from ppocrvl.exporter.tensor_spec import TensorSpec

_U32, _I32, _F32, _STRING, _ARRAY = 4, 5, 6, 8, 9
_ALIGNMENT = 32


@dataclass(frozen=True)
class SizedPair:
    """A shape, and what else differs from the files whose other keys are taken.

    Attributes:
        config: every size.
        matrix: the weights' type, where its blocks fit; else they are F16.
        numbers: further keys, by name.
    """

    config: ModelConfig
    matrix: str = "Q4_0"
    numbers: Mapping[str, int] = field(default_factory=dict)


def write_pair(pair: SizedPair, base: ModelPaths, folder: Path) -> ModelPaths:
    """Writes both files.

    Args:
        pair: what they are to be.
        base: two files that give the keys that are not sizes.
        folder: where to, under names of their own.
    """
    paths = ModelPaths(folder / "sized.gguf", folder / "mmproj-sized.gguf")
    _write(paths.llm, base.llm, _llm_keys(pair), pair, llm_tensors(pair.config))
    _write(paths.mmproj, base.mmproj, _mmproj_keys(pair), pair, mmproj_tensors(pair.config))
    return paths


def keys_of(path: Path) -> dict[str, bytes]:
    """Each key's value with its type, as it stands in the file."""
    data = path.read_bytes()
    values = {}
    for key, (begin, end) in _native.read_gguf(str(path)).metadata_places.items():
        values[key] = data[begin + 8 + len(key) : end]
    return values


def number(value: int) -> bytes:
    """A u32."""
    return struct.pack("<II", _U32, value)


def with_numbers(path: Path, target: Path, numbers: Mapping[str, int]) -> None:
    """A copy of a file in which some u32 or i32 keys have other values."""
    data = bytearray(path.read_bytes())
    places = _native.read_gguf(str(path)).metadata_places
    for key, value in numbers.items():
        begin, _ = places[key]
        struct.pack_into("<I", data, begin + 8 + len(key) + 4, value)
    target.write_bytes(data)


def _llm_keys(pair: SizedPair) -> dict[str, bytes]:
    text = pair.config.text
    axis = text.head_dim // 8
    sections = (text.head_dim // 2 - 2 * axis, axis, axis, 0)
    tokens = text.vocab_size
    return {
        "paddleocr.block_count": number(text.num_hidden_layers),
        "paddleocr.context_length": number(text.max_position_embeddings),
        "paddleocr.embedding_length": number(text.hidden_size),
        "paddleocr.feed_forward_length": number(text.intermediate_size),
        "paddleocr.attention.head_count": number(text.num_attention_heads),
        "paddleocr.attention.head_count_kv": number(text.num_key_value_heads),
        "paddleocr.attention.key_length": number(text.head_dim),
        "paddleocr.attention.value_length": number(text.head_dim),
        "paddleocr.rope.dimension_sections": _array(_I32, struct.pack("<4i", *sections), 4),
        "tokenizer.ggml.scores": _array(_F32, bytes(4 * tokens), tokens),
    }


def _mmproj_keys(pair: SizedPair) -> dict[str, bytes]:
    vision = pair.config.vision
    return {
        "clip.vision.block_count": number(vision.num_hidden_layers),
        "clip.vision.embedding_length": number(vision.hidden_size),
        "clip.vision.feed_forward_length": number(vision.intermediate_size),
        "clip.vision.attention.head_count": number(vision.num_attention_heads),
        "clip.vision.patch_size": number(vision.patch_size),
        "clip.vision.projection_dim": number(pair.config.text.hidden_size),
    }


def _array(element: int, data: bytes, count: int) -> bytes:
    return struct.pack("<IIQ", _ARRAY, element, count) + data


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _more_tokens(values: dict[str, bytes], n_tokens: int) -> None:
    """Adds tokens to the vocabulary, as normal ones."""
    texts, types = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    (n_before,) = struct.unpack_from("<Q", texts, 8)
    more = range(n_before, n_tokens)
    added = b"".join(_string(f"more-{i}".encode()) for i in more)
    values["tokenizer.ggml.tokens"] = _array(_STRING, texts[16:] + added, n_tokens)
    values["tokenizer.ggml.token_type"] = _array(
        _I32, types[16:] + struct.pack("<i", 1) * len(more), n_tokens
    )


def _write(
    path: Path,
    base: Path,
    keys: Mapping[str, bytes],
    pair: SizedPair,
    tensors: Sequence[TensorSpec],
) -> None:
    values = keys_of(base) | dict(keys)
    if "tokenizer.ggml.tokens" in values:
        _more_tokens(values, pair.config.text.vocab_size)
    values |= {key: number(value) for key, value in pair.numbers.items() if key in values}
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(values))
    header += b"".join(_string(key.encode()) + value for key, value in values.items())
    offset = 0
    for tensor in tensors:
        kind = _type(tensor, pair.matrix)
        header += _string(tensor.target.encode()) + struct.pack("<I", len(tensor.shape))
        header += struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape))
        header += struct.pack("<IQ", kind, offset)
        offset += _padded(_n_bytes(tensor, kind))
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(_padded(len(header)) + offset)


def _type(tensor: TensorSpec, matrix: str) -> gguf.GGMLQuantizationType:
    kinds = gguf.GGMLQuantizationType
    if tensor.rule is TypeRule.FLOAT:
        return kinds.F32
    kind = kinds.F16 if tensor.rule is TypeRule.KERNEL else kinds[matrix]
    return kind if tensor.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else kinds.F16


def _n_bytes(tensor: TensorSpec, kind: gguf.GGMLQuantizationType) -> int:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    n_elements = 1
    for extent in tensor.shape:
        n_elements *= extent
    return n_elements // block * size


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // _ALIGNMENT) * _ALIGNMENT
