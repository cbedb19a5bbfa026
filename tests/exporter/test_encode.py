# SPDX-License-Identifier: Apache-2.0
"""Number formats, against arithmetic written a second time."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gguf import GGMLQuantizationType as Kind

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.encode import FileType, encode_chunk, encoded_bytes, tensor_type
from ppocrvl.exporter.tensor_spec import TypeRule


def awkward_values() -> npt.NDArray[np.float32]:
    """Ties, subnormals, signed zeros, the edges of a binade, and random bit patterns below 2^15."""
    bits = [0, 0x80000000, 1, 0x8000, 0x8001, 0x7FFF, 0x18000, 0x3F808000, 0x3F818000, 0x3F7FFFFF]
    bits += [0x3F80_7FFF, 0x3F80_8001, 0xBF81_8000, 0x0080_8000, 0x007F_FFFF, 0x46FF_FFFF]
    generator = np.random.default_rng(5)
    bits += [int(bit) for bit in generator.integers(0, 0x46FFFFFF, 4096)]
    bits += [0] * (-len(bits) % 64)
    return np.array(bits, np.uint32).view(np.float32).reshape(-1, 64)


def nearest_bf16(value: float) -> int:
    """Of the two neighbours the closer one, of two equally close ones the even one."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    below = bits >> 16

    def number(upper: int) -> float:
        (result,) = struct.unpack("<f", struct.pack("<I", upper << 16))
        return float(result)

    to_below, to_above = abs(value - number(below)), abs(number(below + 1) - value)
    if to_below == to_above:
        return int(below + below % 2)
    return int(below if to_below < to_above else below + 1)


def test_bf16_rounds_to_the_nearest_even() -> None:
    values = awkward_values()
    encoded = encode_chunk(values, "F32", Kind.BF16, "x").view(np.uint16).ravel()
    expected = [nearest_bf16(float(value)) for value in values.ravel()]
    assert encoded.tolist() == expected


def test_f16_is_numpys_rounding() -> None:
    values = awkward_values()
    encoded = encode_chunk(values, "F32", Kind.F16, "x")
    assert encoded.tobytes() == b"".join(struct.pack("<e", float(v)) for v in values.ravel())


def test_bf16_to_f32_is_exact() -> None:
    bits = np.arange(0x7F80, dtype=np.uint16).reshape(-1, 32)
    values = encode_chunk(bits, "BF16", Kind.F32, "x").view(np.uint32)
    assert np.array_equal(values, bits.astype(np.uint32) << 16)


def test_same_type_passes_untouched() -> None:
    bits = np.arange(0x7F80, dtype=np.uint16).reshape(-1, 32)
    assert encode_chunk(bits, "BF16", Kind.BF16, "x").tobytes() == bits.tobytes()
    half = bits[bits < 0x7C00].view(np.float16).reshape(-1, 32)
    assert encode_chunk(half, "F16", Kind.F16, "x").tobytes() == half.tobytes()


def test_q8_0_blocks() -> None:
    values = awkward_values()
    encoded = encode_chunk(values, "F32", Kind.Q8_0, "x").reshape(-1, 34)
    for block, source in zip(encoded, values.reshape(-1, 32), strict=True):
        scale = np.float32(np.abs(source).max()) / np.float32(127)
        assert block[:2].tobytes() == np.float16(scale).tobytes()
        for code, value in zip(block[2:].view(np.int8), source, strict=True):
            wanted = float(value) / float(scale) if scale > 1e-36 else 0.0
            assert abs(int(code) - wanted) <= 0.5001


def test_q8_0_of_values_too_small_for_a_scale() -> None:
    """The reciprocal of their scale overflows; upstream's code gives arbitrary bytes there."""
    values = np.full((1, 32), 1e-38, np.float32)
    assert encode_chunk(values, "F32", Kind.Q8_0, "x").tobytes() == bytes(34)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_not_finite_is_refused(bad: float, dtype: str) -> None:
    values = np.zeros((4, 32), np.float32)
    values[3, 31] = bad
    chunk: npt.NDArray[Any] = values
    if dtype == "F16":
        chunk = values.astype(np.float16)
    elif dtype == "BF16":
        chunk = (values.view(np.uint32) >> 16).astype(np.uint16)
    for kind in (Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0):
        with pytest.raises(CheckpointError, match=r"layer\.7 holds NaN or infinity"):
            encode_chunk(chunk, dtype, kind, "layer.7")


@pytest.mark.parametrize(("kind", "limit"), [(Kind.F16, 65519.0), (Kind.Q8_0, 8.3e6)])
def test_too_large_is_refused(kind: Kind, limit: float) -> None:
    values = np.full((1, 32), limit, np.float32)
    encode_chunk(values, "F32", kind, "x")
    with pytest.raises(CheckpointError, match="too large"):
        encode_chunk(values * np.float32(1.01), "F32", kind, "x")


@pytest.mark.parametrize(
    ("rule", "row", "kinds"),
    [
        (TypeRule.MATRIX, 64, ["F32", "F16", "BF16", "Q8_0"]),
        (TypeRule.MATRIX, 4304, ["F32", "F16", "BF16", "F16"]),
        (TypeRule.KERNEL, 14, ["F32", "F16", "F32", "F32"]),
        (TypeRule.FLOAT, 64, ["F32", "F32", "F32", "F32"]),
    ],
)
def test_type_of_a_tensor(rule: TypeRule, row: int, kinds: list[str]) -> None:
    file_types = (FileType.F32, FileType.F16, FileType.BF16, FileType.Q8_0)
    assert [tensor_type(rule, (3, row), item).name for item in file_types] == kinds


def test_sizes() -> None:
    assert encoded_bytes((3, 64), Kind.Q8_0) == 3 * 2 * 34
    assert encoded_bytes((3, 5), Kind.BF16) == 30
