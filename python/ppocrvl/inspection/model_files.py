# SPDX-License-Identifier: Apache-2.0
"""The tensors and sizes of a model, from GGUF files or from a checkpoint, without their data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ppocrvl.errors import ModelFormatError, ModelNotFoundError
from ppocrvl.exporter.checkpoint import tensor_files
from ppocrvl.exporter.config import ModelConfig, parse_config
from ppocrvl.exporter.json_file import read_json_object
from ppocrvl.exporter.layout.checkpoint import read_layout_config
from ppocrvl.exporter.layout.config import is_layout
from ppocrvl.exporter.layout.table import layout_tensors, module_name
from ppocrvl.exporter.preprocessor import (
    parse_preprocessor,
    read_preprocessor_data,
    stored_pixels,
)
from ppocrvl.exporter.safetensors_reader import SafetensorsFile, StoredTensor
from ppocrvl.exporter.tensor_spec import (
    fused_name,
    llm_tensors,
    mmproj_tensors,
    original_name,
)
from ppocrvl.exporter.version import ModelVersion
from ppocrvl.models.folder import find_layout, find_model
from ppocrvl.quantizer.rewrite import ERRORS_KEY, TENSORS_KEY, tensors_hash
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Role = Literal["llm", "mmproj", "layout", "other"]

_ROLES: tuple[Role, ...] = ("llm", "mmproj", "layout")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor.

    Attributes:
        name: as in a GGUF file; of tensors that do not go there, as in the checkpoint.
        shape: in ggml's order: the first is the contiguous dimension, a row.
        type: "F32", "BF16", "Q8_0", ...
        n_bytes: size of the data, without padding.
        relative_error: what `ppocrvl quantize` changed, as its norm over that of the values; None
            where the file does not say.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    n_bytes: int
    relative_error: float | None = None

    @property
    def n_parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class LlmSizes:
    """What the language model's memory follows from; widths in elements, lengths in tokens."""

    n_layer: int
    n_embd: int
    n_ff: int
    n_head: int
    n_head_kv: int
    head_dim: int
    n_vocab: int
    context_length: int


@dataclass(frozen=True, slots=True)
class VisionSizes:
    """What the encoder's memory follows from; widths in elements, areas in pixels."""

    n_layer: int
    n_embd: int
    n_head: int
    n_ff: int
    n_embd_out: int
    patch_size: int
    min_pixels: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class ModelPart:
    """The language model or the vision side, as a file or as part of a checkpoint.

    Attributes:
        role: "llm", "mmproj", "layout", or "other" for a GGUF file of another kind of model.
        path: the file, or the checkpoint's folder.
        file_bytes: of a GGUF file; None for a part of a checkpoint.
        tensors: those that the part's computation uses, in file order.
        dead_tensors: those of a checkpoint that nothing uses, or that are unknown here.
        sizes: None for layout models and others, or where the file lacks the keys.
    """

    role: Role
    path: Path
    file_bytes: int | None
    tensors: tuple[Tensor, ...]
    dead_tensors: tuple[Tensor, ...] = ()
    sizes: LlmSizes | VisionSizes | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the used tensors' data."""
        return sum(tensor.n_bytes for tensor in self.tensors)


def read_model(path: Path) -> list[ModelPart]:
    """Reads a checkpoint folder, a GGUF file, or a folder with the GGUF files of a model.

    Raises:
        ModelNotFoundError: nothing of the kind is there.
        ModelAmbiguousError: the folder holds several files of a kind.
        ModelFormatError: a GGUF file is damaged.
        CheckpointError: the checkpoint is damaged or of another model.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ModelNotFoundError(f"{str(path)!a}: not a UTF-8 name; rename it") from error
    if path.is_dir() and (path / "config.json").is_file() and any(path.glob("*.safetensors")):
        return _read_checkpoint(path)
    if path.is_dir():
        return [_read_gguf(file) for file in _files_of(path)]
    if not path.exists():
        raise ModelNotFoundError(f"{path}: no such file or folder")
    return [_read_gguf(path)]


def _files_of(folder: Path) -> list[Path]:
    """The pair, and the layout model where there is one."""
    pair = find_model(folder)
    try:
        layout = find_layout(folder)
    except (ModelNotFoundError, ModelFormatError):
        layout = None
    return [pair.llm, pair.mmproj, *([layout] if layout else [])]


def _read_gguf(path: Path) -> ModelPart:
    file = _native.read_gguf(str(path))
    tensors = tuple(
        Tensor(t.name, t.shape, t.type, t.n_bytes, error)
        for t, error in zip(file.tensors, _quantization_errors(file), strict=True)
    )
    role: Role = next((r for r in _ROLES if r == file.role), "other")
    numbers = {key: value for key, value in file.metadata.items() if type(value) is int}
    try:
        sizes = _gguf_sizes(role, numbers, {tensor.name: tensor for tensor in tensors})
    except KeyError:  # inspecting an incomplete file must show what there is
        sizes = None
    return ModelPart(role, path, file.size, tensors, sizes=sizes)


def _quantization_errors(file: _native.GgufFile) -> Sequence[float | None]:
    """What `ppocrvl quantize` noted for each tensor, if the tensors are still those."""
    errors = file.numbers(ERRORS_KEY)
    is_valid = (
        len(errors) == len(file.tensors)
        and all(math.isfinite(error) and error >= 0 for error in errors)
        and file.metadata.get(TENSORS_KEY) == tensors_hash(file.tensors)
    )
    return errors if is_valid else [None] * len(file.tensors)


def _gguf_sizes(
    role: Role, numbers: dict[str, int], tensors: dict[str, Tensor]
) -> LlmSizes | VisionSizes | None:
    if role == "llm":
        n_embd = numbers["paddleocr.embedding_length"]
        n_head = numbers["paddleocr.attention.head_count"]
        return LlmSizes(
            n_layer=numbers["paddleocr.block_count"],
            n_embd=n_embd,
            n_ff=numbers["paddleocr.feed_forward_length"],
            n_head=n_head,
            n_head_kv=numbers.get("paddleocr.attention.head_count_kv", n_head),
            head_dim=numbers.get("paddleocr.attention.key_length", n_embd // max(n_head, 1)),
            n_vocab=tensors["token_embd.weight"].shape[-1],
            context_length=numbers["paddleocr.context_length"],
        )
    if role == "mmproj":
        return VisionSizes(
            n_layer=numbers["clip.vision.block_count"],
            n_embd=numbers["clip.vision.embedding_length"],
            n_head=numbers["clip.vision.attention.head_count"],
            n_ff=tensors["v.blk.0.ffn_up.weight"].shape[-1],  # the key does not count padding
            n_embd_out=numbers["clip.vision.projection_dim"],
            patch_size=numbers["clip.vision.patch_size"],
            min_pixels=_pixel_limit(numbers, "min_pixels"),
            max_pixels=_pixel_limit(numbers, "max_pixels"),
        )
    return None


def _pixel_limit(numbers: dict[str, int], name: str) -> int:
    """The engine's limit for reading text: the task's, else the file's."""
    return numbers.get(f"ppocrvl.task.ocr.{name}", numbers[f"clip.vision.image_{name}"])


def _read_checkpoint(folder: Path) -> list[ModelPart]:
    config_path = folder / "config.json"
    data = read_json_object(config_path)
    if is_layout(data):
        return [_read_layout_checkpoint(folder)]
    config = parse_config(data, str(config_path))
    roles: dict[str, tuple[Role, str]] = {}
    for spec in llm_tensors(config):
        roles[spec.source] = ("llm", spec.target)
    for spec in mmproj_tensors(config):
        roles[spec.source] = ("mmproj", spec.target)
        if fused := fused_name(spec.source):
            roles[fused] = ("mmproj", spec.target.replace("attn_q.", "attn_qkv."))
    found: dict[Role, list[Tensor]] = {"llm": [], "mmproj": [], "other": []}
    dead: list[Tensor] = []
    for path in tensor_files(folder):
        with SafetensorsFile(path) as file:
            for stored in file.tensors.values():
                name = original_name(stored.name)
                role, target = roles.get(name, ("other", stored.name))
                if role == "other":
                    dead.append(_tensor(stored, stored.name))
                else:
                    found[role].append(_tensor(stored, target))
    return [
        ModelPart("llm", folder, None, tuple(found["llm"]), sizes=_llm_sizes(config)),
        ModelPart(
            "mmproj",
            folder,
            None,
            tuple(found["mmproj"]),
            tuple(dead),
            _vision_sizes(config, folder),
        ),
    ]


def _read_layout_checkpoint(folder: Path) -> ModelPart:
    """The tensors by the name of what they go into; a norm goes into its convolution."""
    config = read_layout_config(folder)
    targets: dict[str, str] = {}
    for row in layout_tensors(config):
        for source in row.sources:
            targets.setdefault(source, row.spec.target)
    used: list[Tensor] = []
    dead: list[Tensor] = []
    for path in tensor_files(folder):
        with SafetensorsFile(path) as file:
            for stored in file.tensors.values():
                target = targets.get(module_name(stored.name))
                if target is None:
                    dead.append(_tensor(stored, stored.name))
                else:
                    used.append(_tensor(stored, target))
    return ModelPart("layout", folder, None, tuple(used), tuple(dead))


def _tensor(stored: StoredTensor, name: str) -> Tensor:
    return Tensor(name, stored.shape[::-1] or (1,), stored.dtype, stored.n_bytes)


def _llm_sizes(config: ModelConfig) -> LlmSizes:
    text = config.text
    return LlmSizes(
        n_layer=text.num_hidden_layers,
        n_embd=text.hidden_size,
        n_ff=text.intermediate_size,
        n_head=text.num_attention_heads,
        n_head_kv=text.num_key_value_heads,
        head_dim=text.head_dim,
        n_vocab=text.vocab_size,
        context_length=text.max_position_embeddings,
    )


def _vision_sizes(config: ModelConfig, folder: Path) -> VisionSizes:
    vision = config.vision
    data, path = read_preprocessor_data(folder)
    stored = stored_pixels(data) or ModelVersion.V1_6.default_pixels
    low, high = parse_preprocessor(data, path, stored).task_pixels()["ocr"]
    return VisionSizes(
        n_layer=vision.num_hidden_layers,
        n_embd=vision.hidden_size,
        n_head=vision.num_attention_heads,
        n_ff=vision.intermediate_size,
        n_embd_out=config.text.hidden_size,
        patch_size=vision.patch_size,
        min_pixels=low,
        max_pixels=high,
    )
