# SPDX-License-Identifier: Apache-2.0
"""The bytes before the tensor data of a GGUF file.

gguf-py's writer wants tensors that it holds, and metadata as values; here tensors are written as
they are read, and metadata of another file are copied byte by byte.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from gguf import GGUF_MAGIC, GGUF_VERSION, GGMLQuantizationType, GGUFValueType

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_ALIGNMENT = 32
"""Bytes, where a file has no `general.alignment`."""

_NUMBERS = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
}


class TensorEntry(NamedTuple):
    """A line of the tensor table.

    Attributes:
        name: in the file.
        shape: the fastest dimension first, as the file has it.
        type: of its elements.
        n_bytes: of its data, without padding.
    """

    name: str
    shape: Sequence[int]
    type: GGMLQuantizationType
    n_bytes: int


def key_value(
    key: str, value: object, kind: GGUFValueType, items: GGUFValueType | None = None
) -> bytes:
    """One entry of the metadata, encoded.

    Args:
        key: its name.
        value: a number, text, or a sequence of one of them.
        kind: its type.
        items: type of the items of an array.

    Raises:
        ValueError: an array without a type of its items.
        struct.error: the value is none of its type.
    """
    return _string(key) + struct.pack("<I", kind) + _encoded(value, kind, items)


def header(
    key_values: Sequence[bytes], tensors: Sequence[TensorEntry], alignment: int = DEFAULT_ALIGNMENT
) -> bytes:
    """Magic, metadata and tensor table. As long for any values of the same lengths.

    Args:
        key_values: encoded entries of the metadata, in order.
        tensors: in the order of their data, which begin at the next multiple of `alignment`.
        alignment: of each tensor's data, in bytes.
    """
    parts = [struct.pack("<IIQQ", GGUF_MAGIC, GGUF_VERSION, len(tensors), len(key_values))]
    parts += key_values
    offset = 0
    for name, shape, kind, n_bytes in tensors:
        parts.append(_string(name))
        parts.append(struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
        offset += n_bytes + -n_bytes % alignment
    return b"".join(parts)


def pad(out: BinaryIO, alignment: int = DEFAULT_ALIGNMENT) -> None:
    """Zeros up to the next multiple of `alignment`."""
    out.write(bytes(-out.tell() % alignment))


def _encoded(value: object, kind: GGUFValueType, items: GGUFValueType | None = None) -> bytes:
    if kind is GGUFValueType.STRING:
        return _string(value)
    if kind is not GGUFValueType.ARRAY:
        return struct.pack(f"<{_NUMBERS[kind]}", value)
    if items is None or not isinstance(value, list | tuple):
        raise ValueError("an array needs the type of its items")
    head = struct.pack("<IQ", items, len(value))
    if items in _NUMBERS:
        return head + struct.pack(f"<{len(value)}{_NUMBERS[items]}", *value)
    return head + b"".join(_encoded(item, items) for item in value)


def _string(text: object) -> bytes:
    data = text if isinstance(text, bytes) else str(text).encode()
    return struct.pack("<Q", len(data)) + data
