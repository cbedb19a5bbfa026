# SPDX-License-Identifier: Apache-2.0
"""The header of GGUF files, beside gguf-py's."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter

from ppocrvl.support.gguf_header import TensorEntry, header, key_value, pad

if TYPE_CHECKING:
    from pathlib import Path

KINDS = GGUFValueType
SINGLE = [
    ("a.number", 7, KINDS.UINT32),
    ("a.byte", 255, KINDS.UINT8),
    ("a.float", 0.1, KINDS.FLOAT32),
    ("a.double", 0.1, KINDS.FLOAT64),
    ("a.long", -(1 << 40), KINDS.INT64),
    ("a.flag", True, KINDS.BOOL),
    ("a.text", "ä\n", KINDS.STRING),
]
ARRAYS = [
    ("texts", ["ä", "", "b"], KINDS.STRING),
    ("raw texts", [b"\xff", b""], KINDS.STRING),
    ("numbers", [1, -2], KINDS.INT32),
    ("floats", [0.5, 2.0], KINDS.FLOAT32),
    ("flags", [True, False], KINDS.BOOL),
]


def test_same_bytes_as_gguf_py(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "theirs.gguf", "any")
    for key, value, kind in SINGLE:
        writer.add_key_value(key, value, kind)
    for key, items, kind in ARRAYS:
        writer.add_key_value(key, items, KINDS.ARRAY, kind)
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    writer.add_tensor("x", data)
    writer.add_tensor("y", data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    entries = [TensorEntry(name, (3, 2), GGMLQuantizationType.F32, 24) for name in ("x", "y")]
    values = [key_value("general.architecture", "any", KINDS.STRING)]
    values += [key_value(*one) for one in SINGLE]
    values += [key_value(key, items, KINDS.ARRAY, kind) for key, items, kind in ARRAYS]
    with (tmp_path / "ours.gguf").open("wb") as out:
        out.write(header(values, entries))
        pad(out)
        for _ in entries:
            out.write(data.tobytes())
            pad(out)
    assert (tmp_path / "ours.gguf").read_bytes() == (tmp_path / "theirs.gguf").read_bytes()


def test_other_alignment_is_that_of_the_offsets(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    values = [
        key_value("general.architecture", "any", KINDS.STRING),
        key_value("general.alignment", 64, KINDS.UINT32),
    ]
    entries = [TensorEntry(name, (1,), GGMLQuantizationType.F32, 4) for name in ("x", "y")]
    with path.open("wb") as out:
        out.write(header(values, entries, 64))
        for number in (1.0, 2.0):
            pad(out, 64)
            out.write(struct.pack("<f", number))
    assert [tensor.data.tolist() for tensor in GGUFReader(path).tensors] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("value", "kind", "items"),
    [
        ([1], KINDS.ARRAY, None),
        (1, KINDS.ARRAY, KINDS.INT32),
        (-1, KINDS.UINT32, None),
        ("1", KINDS.UINT32, None),
        (["1"], KINDS.ARRAY, KINDS.UINT32),
    ],
)
def test_value_of_another_type(
    value: object, kind: GGUFValueType, items: GGUFValueType | None
) -> None:
    with pytest.raises((ValueError, struct.error)):
        key_value("key", value, kind, items)
