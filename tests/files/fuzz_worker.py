# SPDX-License-Identifier: Apache-2.0
"""Damages a model file at random, again and again, loads it, and says how that ended.

Most damage is done where a number decides what a reader does next.

Run by test_fuzz.py in a process of its own, which a crash ends. On stdout, for each seed, a line
when it begins and one with its outcome when it ends.

Arguments: which file to damage ("llm", "mmproj" or "layout"), folder for the damaged copy, first
seed, number of seeds; then the valid files: LLM and mmproj, or the layout model's.
"""

from __future__ import annotations

import faulthandler
import random
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import ContextError, EngineError, ModelError, OptionError
from ppocrvl.layout.layout import Layout

SECONDS_PER_CASE = 60

_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_N_TENSOR_TYPES = 43
# What counters, sizes and offsets are tested with: none, one, signs, powers, and out of range.
_NUMBERS = (
    *(0, 1, 2, 3, 7, 16, 31, 32, 33, 64, 255, 256, 4096, 2**16, 2**20, 2**31 - 1, 2**31),
    *(2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
)
_FLOATS = (0.0, -0.0, -1.0, 1e-45, 1e-5, 1.0, 1e30, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True, slots=True)
class Field:
    """A number of the header: where it stands, and what it decides."""

    offset: int
    size: int
    kind: str


class Header:
    """The numbers of a valid file's header; long arrays contribute their first elements only.

    `end` is the first byte behind it.
    """

    def __init__(self, data: bytes) -> None:
        self.fields = [Field(4, 4, "version"), Field(8, 8, "count"), Field(16, 8, "count")]
        self.end = 24
        self._data = data
        n_tensors, n_keys = struct.unpack_from("<QQ", data, 8)
        for _ in range(n_keys):
            self._text()
            self._value()
        for _ in range(n_tensors):
            self._text()
            for _ in range(self._number(4, "count")):
                self._number(8, "shape")
            self._number(4, "tensor type")
            self._number(8, "offset")

    def _number(self, size: int, kind: str) -> int:
        self.fields.append(Field(self.end, size, kind))
        self.end += size
        return int.from_bytes(self._data[self.end - size : self.end], "little")

    def _text(self) -> None:
        length = self._number(8, "length")
        self.fields.append(Field(self.end, min(length, 8), "text"))
        self.end += length

    def _value(self) -> None:
        value_type, count = self._number(4, "type"), 1
        if value_type == _ARRAY:
            value_type, count = self._number(4, "type"), self._number(8, "count")
        for i in range(count):
            if i == 4:
                n_fields = len(self.fields)
            if value_type == _STRING:
                self._text()
            else:
                kind = "float" if value_type in {6, 12} else "value"
                self._number(_SCALAR_BYTES[value_type], kind)
        if count > 4:
            del self.fields[n_fields:]


def corrupt(data: bytes, header: Header, seed: int) -> bytes:
    """The same seed gives the same damage."""
    rng = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choices(_ACTIONS, _WEIGHTS)[0](damaged, header, rng)
    return bytes(damaged)


def _change_number(data: bytearray, header: Header, rng: random.Random) -> None:
    kind = rng.choice(("version", "count", "length", "type", "shape", "offset"))
    _write(data, rng.choice([f for f in header.fields if f.kind == kind]), rng)


def _change_value(data: bytearray, header: Header, rng: random.Random) -> None:
    kinds = {"value", "float", "text", "tensor type"}
    _write(data, rng.choice([f for f in header.fields if f.kind in kinds]), rng)


def _write(data: bytearray, target: Field, rng: random.Random) -> None:
    old = int.from_bytes(data[target.offset : target.offset + target.size], "little")
    if target.kind == "float":
        new = struct.pack("<f" if target.size == 4 else "<d", rng.choice(_FLOATS))
    elif target.kind == "text":
        new = rng.randbytes(target.size)
    else:
        choices = [*_NUMBERS, old + 1, old - 1, old * 2, old // 2, rng.getrandbits(64)]
        if "type" in target.kind:
            choices = [*range(_N_TENSOR_TYPES), *_NUMBERS]
        new = (rng.choice(choices) % 256**target.size).to_bytes(target.size, "little")
    data[target.offset : target.offset + target.size] = new


def _flip_bits(data: bytearray, header: Header, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(min(header.end, len(data)))] ^= 1 << rng.randrange(8)


def _truncate(data: bytearray, header: Header, rng: random.Random) -> None:
    del data[rng.randrange(rng.choice((header.end, len(data))) + 1) :]


def _splice(data: bytearray, header: Header, rng: random.Random) -> None:
    """A block of the file over, or into, another place of the header."""
    size = rng.choice((1, 4, 8, 64, 1024))
    source = rng.randrange(len(data) + 1)
    target = rng.randrange(header.end)
    overwritten = rng.choice((0, size))
    data[target : target + overwritten] = data[source : source + size]


def _delete(data: bytearray, header: Header, rng: random.Random) -> None:
    start = rng.randrange(header.end)
    del data[start : start + rng.choice((1, 4, 8, 32))]


def _swap_fields(data: bytearray, header: Header, rng: random.Random) -> None:
    first = rng.choice(header.fields)
    second = rng.choice([f for f in header.fields if f.size == first.size])
    for a, b in zip(
        range(first.offset, first.offset + first.size),
        range(second.offset, len(data)),
        strict=False,
    ):
        if max(a, b) < len(data):
            data[a], data[b] = data[b], data[a]


def _damage_weights(data: bytearray, header: Header, rng: random.Random) -> None:
    """No structure tells that weights are wrong; they must only not crash."""
    for _ in range(rng.randint(1, 64)):
        start = rng.randrange(min(header.end, len(data)), len(data) + 1)
        block = rng.choice((b"\xff" * 64, rng.randbytes(64), bytes(64), b"\x80\x7f" * 32))
        data[start : start + 64] = block[: len(data) - start]


_Action = Callable[[bytearray, Header, random.Random], None]
_ACTIONS: tuple[_Action, ...] = (
    _change_number,
    _change_value,
    _flip_bits,
    _truncate,
    _splice,
    _delete,
    _swap_fields,
    _damage_weights,
)
_WEIGHTS = (20, 40, 10, 5, 5, 5, 5, 10)


def main() -> None:
    """Goes through the seeds."""
    role, folder, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    files = [Path(name) for name in sys.argv[5:]]
    place = 1 if role == "mmproj" else 0
    original = files[place].read_bytes()
    header = Header(original)
    files[place] = folder / f"damaged-{role}.gguf"
    use = _look_at_a_page if role == "layout" else _read_a_picture
    for seed in range(first, first + count):
        _say(f"begin {seed}")
        faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)
        files[place].write_bytes(corrupt(original, header, seed))
        _say(f"end {seed} {_outcome(files, str(files[place]), use)}")
        faulthandler.cancel_dump_traceback_later()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _outcome(files: list[Path], damaged: str, use: Callable[[list[Path]], str]) -> str:
    """ "ran", "refused", or what should not have happened."""
    try:
        return use(files)
    except ModelError as error:
        message = str(error)
        one_line = "\n" not in message and message.isprintable() and damaged in message
        return "refused" if one_line and len(message) < 2000 else f"bad message: {message!r}"
    except Exception as error:  # noqa: BLE001
        return repr(error)


def _read_a_picture(files: list[Path]) -> str:
    llm, mmproj = files
    with Engine(llm, mmproj=mmproj, n_threads=1, device="cpu") as engine:
        try:
            engine.ocr(np.full((56, 56, 3), 255, np.uint8), max_tokens=1)
        except (ContextError, OptionError):
            return "ran"  # the damage made the context or the pixel limits too small
        except EngineError as error:
            # Damaged weights that make numbers overflow are noticed at the first result.
            return "ran" if "not a number" in str(error) else f"while running: {error!r}"
    return "ran"


def _look_at_a_page(files: list[Path]) -> str:
    """What is no number is dropped there: every file that loads finds some regions, or none."""
    page = np.full((90, 70, 3), 255, np.uint8)
    page[20:30, 10:60] = 0
    with Layout(files[0], n_threads=1) as layout:
        for region in layout.detect(page):
            x0, y0, x1, y1 = region.box
            if not (0 <= x0 < x1 <= 70 and 0 <= y0 < y1 <= 90):
                return f"out of the page: {region}"
    return "ran"


main()
