# SPDX-License-Identifier: Apache-2.0
"""Reader and writer of the few SentencePiece `ModelProto` fields that a GGUF vocabulary needs.

The field numbers are those of `sentencepiece_model.proto` (google/sentencepiece): message
`ModelProto` {1: pieces, 2: trainer_spec, 3: normalizer_spec}, `SentencePiece` {1: piece,
2: score, 3: type}, `TrainerSpec` {3: model_type, 25: split_digits, 35: byte_fallback},
`NormalizerSpec` {1: name, 3: add_dummy_prefix, 4: remove_extra_whitespaces,
5: escape_whitespaces}. Other fields are skipped, as protobuf prescribes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from ppocrvl.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10

_Value: TypeAlias = "float | memoryview"


class PieceType(IntEnum):
    """`SentencePiece.Type`; the same numbers are GGUF's `tokenizer.ggml.token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class ModelType(IntEnum):
    """`TrainerSpec.ModelType`."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One vocabulary entry: its text (`▁` stands for a space), score and type."""

    text: str
    score: float
    type: PieceType


@dataclass(frozen=True, slots=True)
class SentencePieceModel:
    """What is read of a `tokenizer.model`; the position of a piece is its token id."""

    pieces: tuple[Piece, ...]
    model_type: int
    add_dummy_prefix: bool


def parse_model(data: bytes, path: str) -> SentencePieceModel:
    """Parses the bytes of a `tokenizer.model`.

    Args:
        data: The whole file.
        path: Named in error messages.

    Raises:
        CheckpointError: The bytes are not a SentencePiece model.
    """
    pieces: list[Piece] = []
    trainer: dict[int, _Value] = {}
    normalizer: dict[int, _Value] = {}
    try:
        for number, value in _fields(data):
            if number == 1:
                pieces.append(_parse_piece(_message(value)))
            elif number == 2:
                trainer.update(_fields(_message(value)))
            elif number == 3:
                normalizer.update(_fields(_message(value)))
        model_type = _integer(trainer.get(3, int(ModelType.UNIGRAM)))
        add_dummy_prefix = bool(_integer(normalizer.get(3, 1)))
    except ValueError as error:
        raise CheckpointError(
            f"{path}: not a SentencePiece model ({error}); copy the original tokenizer.model here"
        ) from error
    if not pieces:
        raise CheckpointError(
            f"{path}: holds no vocabulary; copy the original tokenizer.model here"
        )
    return SentencePieceModel(tuple(pieces), model_type, add_dummy_prefix)


def serialize_model(pieces: Iterable[Piece]) -> bytes:
    """Writes a byte-fallback BPE `ModelProto` with the settings of the official tokenizer."""
    out = bytearray()
    for piece in pieces:
        text = piece.text.encode()
        body = b"\x0a" + _varint(len(text)) + text + b"\x15" + struct.pack("<f", piece.score)
        if piece.type != PieceType.NORMAL:
            body += b"\x18" + _varint(piece.type)
        out += b"\x0a" + _varint(len(body)) + body
    trainer = b"\x18" + _varint(ModelType.BPE)  # 3: model_type
    trainer += b"\xc8\x01\x01"  # 25: split_digits
    trainer += b"\x98\x02\x01"  # 35: byte_fallback
    normalizer = b"\x0a\x08identity\x18\x00\x20\x00\x28\x01"
    out += b"\x12" + _varint(len(trainer)) + trainer
    out += b"\x1a" + _varint(len(normalizer)) + normalizer
    return bytes(out)


def _parse_piece(data: memoryview) -> Piece:
    text, score, kind = "", 0.0, int(PieceType.NORMAL)
    for number, value in _fields(data):
        if number == 1:
            text = bytes(_message(value)).decode()
        elif number == 2:
            score = _float(value)
        elif number == 3:
            kind = _integer(value)
    return Piece(text, score, PieceType(kind))


# A wrong wire type is wrong data, so these raise ValueError, not TypeError.
def _message(value: _Value) -> memoryview:
    if isinstance(value, memoryview):
        return value
    raise ValueError("a number stands where a message is expected")


def _integer(value: _Value) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("something else stands where an integer is expected")


def _float(value: _Value) -> float:
    if isinstance(value, float):
        return value
    raise ValueError("something else stands where a float is expected")


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, _Value]]:
    """Yields (field number, value): int for varints, float for 32-bit fields, else the bytes."""
    view = memoryview(data)
    position = 0
    while position < len(view):
        key, position = _read_varint(view, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _read_varint(view, position)
            yield number, value
            continue
        if wire_type == _LENGTH:
            size, position = _read_varint(view, position)
        elif wire_type in (_FIXED32, _FIXED64):
            size = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {position}")
        if size > len(view) - position:
            raise ValueError(f"a field of {size} bytes ends after the data")
        chunk = view[position : position + size]
        position += size
        yield number, struct.unpack("<f", chunk)[0] if wire_type == _FIXED32 else chunk


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index, byte in enumerate(view[position : position + _MAX_VARINT_BYTES]):
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return result, position + index + 1
    raise ValueError(f"an unfinished number at byte {position}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
