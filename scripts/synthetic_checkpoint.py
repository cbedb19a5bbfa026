# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with the official layout and random weights, of any size.

For tests, and for measuring speed without the real weights. Tensors are made one row chunk at a
time, so the full size (0.96 billion parameters) needs little memory.
"""

from __future__ import annotations

import json
import math
import random
import struct
import zlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.exporter.chat_template import chat_template
from ppocrvl.exporter.config import ModelConfig, TextConfig, VisionConfig, parse_config
from ppocrvl.exporter.sentencepiece_model import Piece, PieceType, serialize_model
from ppocrvl.exporter.tensor_spec import TypeRule, llm_tensors, mmproj_tensors
from ppocrvl.exporter.version import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Layout = Literal["original", "transformers5"]
StoredType = Literal["bf16", "f16", "f32"]

# The official configuration (PaddleOCR-VL 1.0, 1.5 and 1.6 alike).
FULL = ModelConfig(
    TextConfig(
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=18,
        num_attention_heads=16,
        num_key_value_heads=2,
        head_dim=128,
        vocab_size=103424,
        max_position_embeddings=131072,
        rms_norm_eps=1e-5,
        rope_theta=500000.0,
        mrope_section=(16, 24, 24),
    ),
    VisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=27,
        num_attention_heads=16,
        image_size=384,
        patch_size=14,
        layer_norm_eps=1e-6,
    ),
)
SMALL = ModelConfig(
    replace(
        FULL.text,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=6,
        num_attention_heads=8,
        vocab_size=8192,
        max_position_embeddings=16384,
    ),
    replace(
        FULL.vision,
        hidden_size=576,
        intermediate_size=2160,
        num_hidden_layers=6,
        num_attention_heads=8,
    ),
)
# Few parameters, but the paths of the real widths: decoder rows are multiples of 256, encoder rows
# of 32 and not of 256, the encoder's FFN of neither, and the projector's of 256.
TINY = ModelConfig(
    replace(
        FULL.text,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=2048,
        max_position_embeddings=4096,
    ),
    replace(
        FULL.vision,
        hidden_size=192,
        intermediate_size=560,
        num_hidden_layers=3,
        num_attention_heads=4,
    ),
)
SIZES = {"full": FULL, "small": SMALL, "tiny": TINY}


def resized(config: ModelConfig, sizes: Mapping[str, int]) -> ModelConfig:
    """The configuration with other sizes.

    Args:
        config: What to start from.
        sizes: Value by name: "text." or "vision." and a field of `TextConfig` or `VisionConfig`
            that holds an integer, such as "vision.num_hidden_layers".

    Raises:
        OptionError: No such size.
        CheckpointError: A value out of range, or values that do not fit each other.
    """
    known = [
        f"{part}.{name}"
        for part, values in asdict(config).items()
        for name, value in values.items()
        if type(value) is int
    ]
    if unknown := sorted(set(sizes) - set(known)):
        raise OptionError(f"no size is called {unknown[0]!r}; there are {', '.join(known)}")

    def chosen(part: str) -> dict[str, Any]:
        return {k.removeprefix(f"{part}."): v for k, v in sizes.items() if k.startswith(f"{part}.")}

    changed = ModelConfig(
        replace(config.text, **chosen("text")), replace(config.vision, **chosen("vision"))
    )
    if changed.text.vocab_size < _SMALLEST_VOCABULARY:
        raise CheckpointError(f"text.vocab_size must be at least {_SMALLEST_VOCABULARY}")
    return parse_config(_config_json(changed, "original", "bf16"), "the sizes asked for")


_SMALLEST_VOCABULARY = 1500
_N_MASKS = 21
_N_LOCATIONS = 1001
_OTSL = ("<ecel>", "<fcel>", "<xcel>", "<lcel>", "<ucel>", "<nl>")
_CHUNK_ELEMENTS = 1 << 20
_PACKING_POSITIONS = 32768
_DTYPE_NAMES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}
_DTYPE_BYTES = {"bf16": 2, "f16": 2, "f32": 4}


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    is_norm: bool


def write_synthetic_checkpoint(
    folder: Path,
    config: ModelConfig = TINY,
    *,
    version: ModelVersion = ModelVersion.V1_6,
    layout: Layout = "original",
    dtype: StoredType = "bf16",
    n_shards: int = 1,
    tied_head: bool = False,
    seed: int = 0,
) -> None:
    """Writes a checkpoint; the same arguments give the same bytes.

    Args:
        folder: Made if it is not there; files in it are replaced.
        config: Sizes; `vocab_size` at least 1,500.
        version: Decides pixel limits and chat template.
        layout: "original", or "transformers5": names, nested configuration, pixel limits and
            tokenizer.json as transformers 5 writes them with save_original_format=False.
        dtype: Number format of all tensors.
        n_shards: More than one writes an index and that many files.
        tied_head: Leaves out `lm_head.weight`.
        seed: Of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _tensors(config, tied_head=tied_head)
    if layout == "transformers5":
        tensors = [_Tensor(_new_name(t.name), t.shape, t.is_norm) for t in tensors if not _dead(t)]
    _write_tensors(folder, sorted(tensors, key=lambda t: t.name), dtype, n_shards, seed)
    _write_json(folder / "config.json", _config_json(config, layout, dtype))
    _write_json(folder / "preprocessor_config.json", _preprocessor_json(version, layout))
    _write_json(
        folder / "generation_config.json",
        {"eos_token_id": 2, "pad_token_id": 0, "use_cache": False},
    )
    (folder / "chat_template.jinja").write_text(
        chat_template(version, "</s>"), encoding="utf-8", newline="\n"
    )
    _write_tokenizer(folder, config.text.vocab_size, layout)


def _tensors(config: ModelConfig, *, tied_head: bool) -> list[_Tensor]:
    specs = [*llm_tensors(config), *mmproj_tensors(config)]
    tensors = [
        _Tensor(spec.source, spec.shape, spec.rule is TypeRule.FLOAT and "norm" in spec.source)
        for spec in specs
        if not (tied_head and spec.source == "lm_head.weight")
    ]
    hidden, ffn = config.vision.hidden_size, config.vision.intermediate_size
    vision = "visual.vision_model"
    dead: dict[str, tuple[int, ...]] = {
        "embeddings.packing_position_embedding.weight": (
            _PACKING_POSITIONS * hidden // FULL.vision.hidden_size,
            hidden,
        ),
        "head.probe": (1, 1, hidden),
        "head.attention.in_proj_weight": (3 * hidden, hidden),
        "head.attention.in_proj_bias": (3 * hidden,),
        "head.attention.out_proj.weight": (hidden, hidden),
        "head.attention.out_proj.bias": (hidden,),
        "head.layernorm.weight": (hidden,),
        "head.layernorm.bias": (hidden,),
        "head.mlp.fc1.weight": (ffn, hidden),
        "head.mlp.fc1.bias": (ffn,),
        "head.mlp.fc2.weight": (hidden, ffn),
        "head.mlp.fc2.bias": (hidden,),
    }
    tensors += [_Tensor(f"{vision}.{name}", shape, is_norm=False) for name, shape in dead.items()]
    return tensors


def _dead(tensor: _Tensor) -> bool:
    return ".packing_position_embedding." in tensor.name or ".vision_model.head." in tensor.name


def _new_name(name: str) -> str:
    for old, new in (
        ("model.", "model.language_model."),
        ("visual.", "model.visual."),
        ("mlp_AR.", "model.projector."),
    ):
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _write_tensors(
    folder: Path, tensors: list[_Tensor], dtype: StoredType, n_shards: int, seed: int
) -> None:
    if n_shards == 1:
        _write_safetensors(folder / "model.safetensors", tensors, dtype, seed)
        return
    weight_map: dict[str, str] = {}
    for shard in range(n_shards):
        name = f"model-{shard + 1:05d}-of-{n_shards:05d}.safetensors"
        part = tensors[len(tensors) * shard // n_shards : len(tensors) * (shard + 1) // n_shards]
        _write_safetensors(folder / name, part, dtype, seed)
        weight_map |= {tensor.name: name for tensor in part}
    n_bytes = sum(math.prod(tensor.shape) for tensor in tensors) * _DTYPE_BYTES[dtype]
    _write_json(
        folder / "model.safetensors.index.json",
        {"metadata": {"total_size": n_bytes}, "weight_map": weight_map},
    )


def _write_safetensors(path: Path, tensors: list[_Tensor], dtype: StoredType, seed: int) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        end = offset + math.prod(tensor.shape) * _DTYPE_BYTES[dtype]
        header[tensor.name] = {
            "dtype": _DTYPE_NAMES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            for chunk in _random_chunks(tensor, seed):
                file.write(_encode(chunk, dtype))


def _random_chunks(tensor: _Tensor, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """Values that keep activations of order one: 1/sqrt(inputs) for matrices, norms near one."""
    generator = np.random.default_rng([seed, zlib.crc32(tensor.name.encode())])
    n_inputs = math.prod(tensor.shape[1:])
    is_matrix = len(tensor.shape) > 1
    scale = np.float32(1 / math.sqrt(n_inputs) if is_matrix else 0.02)
    centre = np.float32(tensor.is_norm and tensor.name.endswith(".weight"))
    remaining = math.prod(tensor.shape)
    while remaining:
        count = min(remaining, _CHUNK_ELEMENTS)
        yield generator.standard_normal(count, dtype=np.float32) * scale + centre
        remaining -= count


def _encode(values: npt.NDArray[np.float32], dtype: StoredType) -> bytes:
    if dtype == "bf16":
        # Cutting off is as good as rounding for random numbers.
        return (values.view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
    return values.astype("<f2" if dtype == "f16" else "<f4").tobytes()


def _config_json(config: ModelConfig, layout: Layout, dtype: StoredType) -> dict[str, Any]:
    text, vision = config.text, config.vision
    torch_dtype = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}[dtype]
    ids = _added_ids(_n_pieces(text.vocab_size))
    text_json = asdict(text) | {
        "hidden_act": "silu",
        "use_bias": False,
        "use_cache": False,
        "pad_token_id": 0,
    }
    del text_json["mrope_section"], text_json["rope_theta"]  # they stand beside the rope's type
    rope = {
        "mrope_section": list(text.mrope_section),
        "rope_type": "default",
        "type": "default",
    }
    vision_json = asdict(vision) | {
        "architectures": ["PaddleOCRVisionModel"],
        "model_type": "paddleocr_vl",
        "num_channels": 3,
        "hidden_act": "gelu_pytorch_tanh",
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "tokens_per_second": 2,
        "attention_dropout": 0.0,
        "torch_dtype": torch_dtype,
    }
    shared = {
        "architectures": ["PaddleOCRVLForConditionalGeneration"],
        "model_type": "paddleocr_vl",
        "image_token_id": ids["<|IMAGE_PLACEHOLDER|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|IMAGE_START|>"],
        "vision_end_token_id": ids["<|IMAGE_END|>"],
        "tie_word_embeddings": False,
        "use_3d_rope": True,
        "rope_is_neox_style": True,
        "torch_dtype": torch_dtype,
    }
    if layout == "transformers5":
        text_json |= {
            "model_type": "paddleocr_vl_text",
            "rope_parameters": {**rope, "rope_theta": text.rope_theta},
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
        vision_json["model_type"] = "paddleocr_vl_vision"
        return {**shared, "text_config": text_json, "vision_config": vision_json}
    return {
        **shared,
        **text_json,
        "rope_scaling": rope,
        "rope_theta": text.rope_theta,
        "vision_config": vision_json,
    }


def _preprocessor_json(version: ModelVersion, layout: Layout) -> dict[str, Any]:
    low, high = version.default_pixels
    pixels: dict[str, Any] = {"min_pixels": low, "max_pixels": high}
    processor = "SiglipImageProcessor"
    if layout == "transformers5":
        pixels = {"size": {"shortest_edge": low, "longest_edge": high}}
        processor = "PaddleOCRVLImageProcessor"
    return {
        **pixels,
        "image_processor_type": processor,
        "processor_class": "PaddleOCRVLProcessor",
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "rescale_factor": 0.00392156862745098,
        "resample": 3,
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 1,
    }


def _n_pieces(vocab_size: int) -> int:
    """SentencePiece pieces of a vocabulary; the official 100,295 of 103,424 at full size."""
    n_added = len(_added_ids(0))
    return vocab_size - n_added - (2110 if vocab_size == FULL.text.vocab_size else 50)


def _added_ids(first: int) -> dict[str, int]:
    """The tokens that are added to the pieces, in the official order."""
    texts = [
        "<|IMAGE_PLACEHOLDER|>",
        "<|AUDIO_PLACEHOLDER|>",
        *(f"<|LOC_{i}|>" for i in range(_N_LOCATIONS)),
        "<|LOC_BEGIN|>",
        "<|LOC_END|>",
        "<|LOC_SEP|>",
        "<|CROP_COL_SEP|>",
        "<|CROP_ROW_SEP|>",
        "<|IMAGE_SEP|>",
        "<|image_pad|>",
        "<|IMAGE_START|>",
        "<|IMAGE_END|>",
        "<|video_pad|>",
        *_OTSL,
    ]
    return {text: first + i for i, text in enumerate(texts)}


def _pieces(n_pieces: int) -> list[Piece]:
    """A byte-fallback BPE vocabulary: merges by falling score, then single characters."""
    specials = [
        "<|end_of_sentence|>",
        "<|begin_of_sentence|>",
        *(f"<mask:{i}>" for i in range(1, _N_MASKS + 1)),
    ]
    n_normal = n_pieces - (3 + 10 + 256) - len(specials)
    characters = [chr(code) for code in range(33, 127) if not chr(code).isdigit()] + ["\u2581"]
    # A fifth of the official vocabulary are single CJK characters.
    characters += [chr(0x4E00 + i) for i in range(min(20000, max(0, n_normal // 5)))]
    if n_normal < len(characters):
        raise ValueError(f"a vocabulary of {n_pieces} pieces is too small")
    merges = _merges(n_normal - len(characters))
    normal = [*merges, *characters]
    return [
        Piece("<unk>", 0.0, PieceType.UNKNOWN),
        Piece("<s>", 0.0, PieceType.CONTROL),
        Piece("</s>", 0.0, PieceType.CONTROL),
        *(Piece(str(digit), 0.0, PieceType.USER_DEFINED) for digit in range(10)),
        *(Piece(f"<0x{byte:02X}>", 0.0, PieceType.BYTE) for byte in range(256)),
        *(Piece(text, -float(rank), PieceType.NORMAL) for rank, text in enumerate(normal)),
        *(Piece(text, 0.0, PieceType.NORMAL) for text in specials),
    ]


def _merges(count: int) -> list[str]:
    """Pronounceable letter sequences, each the join of two pieces that stand before it."""
    # The vocabulary has to be the same every time, not secret.
    choose = random.Random(0)
    letters = "etaoinshrdlcumwfgypbvkjxqzETAOINSHRDLC"
    merges: dict[str, None] = {}
    known = [*list(letters), "▁"]
    while len(merges) < count:
        left = choose.choice(known)
        right = choose.choice(known)
        text = left + right
        if len(text) <= 12 and "\u2581" not in right and text not in merges:
            merges[text] = None
            known.append(text)
    return list(merges)


def _write_tokenizer(folder: Path, vocab_size: int, layout: Layout) -> None:
    n_pieces = _n_pieces(vocab_size)
    pieces = _pieces(n_pieces)
    added = _added_ids(n_pieces)
    decoder: dict[str, dict[str, Any]] = {}
    ids = {piece.text: i for i, piece in enumerate(pieces)} | added
    control = ["<unk>", "<s>", "</s>", "<|end_of_sentence|>", "<|begin_of_sentence|>", "<mask:1>"]
    for text in [*control[:3], *"0123456789", *control[3:], *added]:
        special = text in control or (text in added and text not in _OTSL)
        decoder[str(ids[text])] = {
            "content": text,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": special,
        }
    settings = {
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<unk>",
        "cls_token": "<|begin_of_sentence|>",
        "sep_token": "<|end_of_sentence|>",
        "mask_token": "<mask:1>",
        "legacy": True,
        "model_max_length": 131072,
        "tokenizer_class": "LlamaTokenizer",
    }
    if layout == "original":
        (folder / "tokenizer.model").write_bytes(serialize_model(pieces))
        _write_json(folder / "added_tokens.json", added)
        settings["added_tokens_decoder"] = decoder
    _write_json(folder / "tokenizer_config.json", settings)
    _write_json(folder / "tokenizer.json", _tokenizer_json(pieces, decoder))


def _tokenizer_json(pieces: list[Piece], decoder: dict[str, dict[str, Any]]) -> dict[str, Any]:
    vocab = {piece.text: i for i, piece in enumerate(pieces)}
    merges = [
        [piece.text[:cut], piece.text[cut:]]
        for piece in pieces
        if piece.type is PieceType.NORMAL and not piece.text.startswith("<")
        for cut in range(1, len(piece.text))
        if piece.text[:cut] in vocab and piece.text[cut:] in vocab
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": int(key), **value} for key, value in decoder.items()],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
