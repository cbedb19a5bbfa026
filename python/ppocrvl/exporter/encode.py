# SPDX-License-Identifier: Apache-2.0
"""Conversion of row chunks to GGUF's number formats.

gguf-py's quantization functions do the arithmetic, so the bytes are those of upstream's converter.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.exporter.tensor_spec import TypeRule

# Below this magnitude the reciprocal of a Q8_0 scale (largest value / 127) overflows float32; the
# scale itself is stored as 0 in float16, so such values are lost in any case.
_Q8_0_SMALLEST = np.float32(4e-37)


class FileType(Enum):
    """Number format of a GGUF file; the value is `general.file_type` (`llama_ftype` in llama.h)."""

    F32 = 0
    F16 = 1
    BF16 = 32
    Q8_0 = 7

    @classmethod
    def parse(cls, text: str) -> FileType:
        """The member with this name in any case.

        Raises:
            OptionError: There is no such type.
        """
        try:
            return cls[text.upper()]
        except KeyError:
            names = ", ".join(member.name.lower() for member in cls)
            raise OptionError(f"type {text!r} is not one of {names}") from None


def tensor_type(
    rule: TypeRule, shape: tuple[int, ...], file_type: FileType
) -> GGMLQuantizationType:
    """The GGUF type of a tensor.

    Args:
        rule: Its rule in the table.
        shape: Row-major; the last dimension is the row that blocks must divide.
        file_type: What was asked for.
    """
    if rule is TypeRule.FLOAT:
        return GGMLQuantizationType.F32
    if rule is TypeRule.KERNEL:
        wants_f16 = file_type is FileType.F16
        return GGMLQuantizationType.F16 if wants_f16 else GGMLQuantizationType.F32
    wanted = GGMLQuantizationType[file_type.name]
    block_elements, _ = GGML_QUANT_SIZES[wanted]
    return wanted if shape[-1] % block_elements == 0 else GGMLQuantizationType.F16


def encoded_bytes(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    """Size of the tensor's data in bytes, without padding."""
    block_elements, block_bytes = GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block_elements * block_bytes


def encode_chunk(
    chunk: npt.NDArray[np.generic], dtype: str, kind: GGMLQuantizationType, name: str
) -> npt.NDArray[np.generic]:
    """Converts some rows.

    Args:
        chunk: [rows, ...] as `TensorSource.chunks` yields them.
        dtype: "F32", "F16" or "BF16", what the chunk holds.
        kind: The type to convert to.
        name: The tensor, for error messages.

    Returns:
        An array whose bytes are the encoded rows.

    Raises:
        CheckpointError: A value is not finite, or too large for the type.
    """
    if not _is_finite(chunk, dtype):
        raise CheckpointError(f"{name} holds NaN or infinity; the checkpoint is damaged")
    if dtype == kind.name:
        return chunk
    values = to_float32(chunk, dtype)
    if kind is GGMLQuantizationType.Q8_0:
        values = np.where(np.abs(values) < _Q8_0_SMALLEST, np.float32(0), values)
    try:
        with np.errstate(over="raise"):
            encoded: npt.NDArray[np.generic] = quants.quantize(values, kind)
    except FloatingPointError as error:
        raise CheckpointError(
            f"{name} holds values too large for {kind.name}; export it as bf16 or f32"
        ) from error
    return encoded


def _is_finite(chunk: npt.NDArray[np.generic], dtype: str) -> bool:
    if dtype == "BF16":
        exponent = np.uint16(0x7F80)
        return not bool(np.any((chunk.view(np.uint16) & exponent) == exponent))
    return bool(np.isfinite(chunk.astype(np.float32, copy=False)).all())


def to_float32(chunk: npt.NDArray[np.generic], dtype: str) -> npt.NDArray[np.float32]:
    """The values of a chunk; `dtype` is "F32", "F16" or "BF16"."""
    if dtype == "BF16":
        return (chunk.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return chunk.astype(np.float32, copy=False)
