# SPDX-License-Identifier: Apache-2.0
"""Synthetic checkpoints, and a reader of what was exported that is not ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from synthetic_checkpoint import TINY, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class ReadBack:
    """A GGUF file as gguf-py's own reader sees it."""

    metadata: dict[str, Any]
    tensors: dict[str, gguf.ReaderTensor]
    data: bytes


def read_gguf(path: Path) -> ReadBack:
    reader = gguf.GGUFReader(path)
    metadata = {key: field.contents() for key, field in reader.fields.items()}
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    return ReadBack(metadata, tensors, path.read_bytes()[reader.data_offset :])


Reader: TypeAlias = "Callable[[Path], ReadBack]"


@pytest.fixture(scope="session")
def read_back() -> Reader:
    return read_gguf


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes tiny checkpoints; the same arguments give the same folder, not to be changed."""
    made: dict[str, Path] = {}

    def make(**options: Any) -> Path:
        key = json.dumps(options, sort_keys=True, default=str)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("synthetic") / "Tiny-VL"
            write_synthetic_checkpoint(made[key], TINY, **options)
        return made[key]

    return make


@pytest.fixture
def checkpoint(synthetic: Callable[..., Path], tmp_path: Path) -> Path:
    """A tiny checkpoint of this test's own."""
    return Path(shutil.copytree(synthetic(), tmp_path / "Tiny-VL"))


@dataclass(frozen=True)
class Safetensors:
    """A whole file in memory: tensor data as raw bytes."""

    header: dict[str, Any]
    data: dict[str, bytes]

    @staticmethod
    def load(path: Path) -> Safetensors:
        raw = path.read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        header.pop("__metadata__", None)
        start = 8 + length
        data = {
            name: raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            for name, entry in header.items()
        }
        return Safetensors(header, data)

    def save(self, path: Path) -> None:
        header: dict[str, Any] = {}
        offset = 0
        for name, data in self.data.items():
            header[name] = {**self.header[name], "data_offsets": [offset, offset + len(data)]}
            offset += len(data)
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(self.data.values()))

    def rename(self, old: str, new: str) -> None:
        self.header[new] = self.header.pop(old)
        self.data[new] = self.data.pop(old)

    def drop(self, name: str) -> None:
        del self.header[name], self.data[name]

    def add(self, name: str, dtype: str, shape: list[int], data: bytes) -> None:
        self.header[name] = {"dtype": dtype, "shape": shape}
        self.data[name] = data

    def float32(self, name: str) -> npt.NDArray[np.float32]:
        """The values of a tensor, widened by arithmetic that is not the exporter's."""
        entry, data = self.header[name], self.data[name]
        if entry["dtype"] == "BF16":
            padded = np.zeros((len(data) // 2, 2), "<u2")
            padded[:, 1] = np.frombuffer(data, "<u2")
            values = padded.view("<f4").ravel()
        else:
            values = np.frombuffer(data, "<f2" if entry["dtype"] == "F16" else "<f4")
        return values.astype(np.float32).reshape(entry["shape"])


@pytest.fixture(scope="session")
def safetensors_file() -> type[Safetensors]:
    return Safetensors


@pytest.fixture
def fixed_checkpoint(checkpoint: Path) -> Path:
    """Weights that come from a hash, so that no random generator's version can change them."""
    path = checkpoint / "model.safetensors"
    tensors = Safetensors.load(path)
    for name, old in tensors.data.items():
        noise = np.frombuffer(hashlib.shake_128(name.encode()).digest(len(old)), "<u2")
        # Sign, lowest exponent bit and mantissa vary: magnitudes from 2^-8 to 2^-6.
        tensors.data[name] = (noise & np.uint16(0x80FF) | np.uint16(0x3B80)).tobytes()
    tensors.save(path)
    return checkpoint
