# SPDX-License-Identifier: Apache-2.0
"""The reader of safetensors files, which come from outside."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ppocrvl.errors import CheckpointError
from ppocrvl.exporter.checkpoint import open_checkpoint
from ppocrvl.exporter.safetensors_reader import MAX_HEADER_BYTES, SafetensorsFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pack(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = pack(
    {
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "F32", "shape": [2, 3], "data_offsets": [4, 28]},
        "a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        "empty": {"dtype": "F16", "shape": [0, 5], "data_offsets": [28, 28]},
    },
    bytes(range(28)),
)


def test_reads_what_the_safetensors_library_writes(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    arrays: dict[str, npt.NDArray[np.generic]] = {
        "x": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "y": np.arange(7, dtype=np.float16),
    }
    save_file(arrays, tmp_path / "a.safetensors", metadata={"format": "np"})
    with SafetensorsFile(tmp_path / "a.safetensors") as file:
        assert file.tensors.keys() == arrays.keys()
        for name, array in arrays.items():
            tensor = file.tensors[name]
            assert tensor.shape == array.shape
            assert file.read(tensor, 0, tensor.n_bytes) == array.tobytes()
            assert file.read(tensor, 6, 4) == array.tobytes()[6:10]
            with pytest.raises(ValueError, match="outside"):
                file.read(tensor, tensor.n_bytes - 1, 2)


def test_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(GOOD)
    with SafetensorsFile(path) as file:
        path.write_bytes(GOOD[:-10])
        with pytest.raises(CheckpointError, match="ends at byte"):
            file.read(file.tensors["b"], 0, 24)


def entry(**changes: object) -> dict[str, Any]:
    return {"t": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "0 bytes cannot hold a header"),
        (b"\x01\0\0\0", "4 bytes"),
        (struct.pack("<Q", 1 << 63), "over the limit"),
        (struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}", "over the limit"),
        (struct.pack("<Q", 100) + b"{}", "the header ends at byte 108, the file at 10"),
        (pack(b"[1]"), "a JSON object is expected"),
        (pack(b"{"), "not valid JSON"),
        (pack(b"\xff{}"), "not valid JSON"),
        (pack(b"[" * 100_000), "not valid JSON"),
        (pack(b'{"a": ' + b"9" * 5000 + b"}"), "not valid JSON"),
        (pack({"t": 5}), "not an object"),
        (pack(entry(dtype="F31"), bytes(8)), "unknown dtype 'F31'"),
        (pack(entry(dtype=["F32"]), bytes(8)), "unknown dtype"),
        (pack(entry(shape=[-2]), bytes(8)), "invalid shape"),
        (pack(entry(shape=[True, 2]), bytes(8)), "invalid shape"),
        (pack(entry(shape=[1 << 60]), bytes(8)), "invalid shape"),
        (pack(entry(shape=[1] * 9), bytes(8)), "invalid shape"),
        (pack(entry(shape=None), bytes(8)), "invalid shape"),
        (pack(entry(data_offsets=[0]), bytes(8)), "invalid data_offsets"),
        (pack(entry(data_offsets=[8, 0]), bytes(8)), "needs 8 bytes but is given -8"),
        (pack(entry(data_offsets=[0, 12]), bytes(12)), "needs 8 bytes but is given 12"),
        (pack(entry(data_offsets=[4, 12]), bytes(12)), "begins at byte"),
        (pack(entry(), bytes(7)), "the tensors end at byte"),
        (pack(entry(), bytes(9)), "the tensors end at byte"),
        (pack({**entry(), "u": entry()["t"]}, bytes(8)), "'u' begins at byte|'t' begins at byte"),
        (GOOD[:-1], "the tensors end at byte"),
    ],
)
def test_malformed_files(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=problem) as error:
        SafetensorsFile(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        SafetensorsFile(tmp_path)


def read_all(path: Path, content: bytes) -> None:
    """Either all tensors can be read, or the header is refused."""
    path.write_bytes(content)
    try:
        file = SafetensorsFile(path)
    except CheckpointError:
        return
    with file:
        for tensor in file.tensors.values():
            assert len(file.read(tensor, 0, tensor.n_bytes)) == tensor.n_bytes


SAME_FOLDER = [HealthCheck.function_scoped_fixture]


@settings(max_examples=120, suppress_health_check=SAME_FOLDER)
@given(
    position=st.integers(0, len(GOOD) - 1),
    replacement=st.binary(max_size=6),
    removed=st.integers(0, 40),
)
def test_changed_bytes(tmp_path: Path, position: int, replacement: bytes, removed: int) -> None:
    changed = GOOD[:position] + replacement + GOOD[position + removed :]
    read_all(tmp_path / "model.safetensors", changed)


JSON = st.sampled_from([None, True, -1, 0, 7, 2**63, 0.5, "", "F32", [], [1], [[0]], {}, {"a": 1}])
NEARLY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "U8", "nope"]) | JSON,
        "shape": st.lists(st.integers(-1, 4), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(-1, 32), min_size=2, max_size=2) | JSON,
    }
)


@settings(max_examples=120, suppress_health_check=SAME_FOLDER)
@given(header=st.dictionaries(st.text(max_size=4), NEARLY | JSON, max_size=3), n=st.integers(0, 40))
@example(header=entry(), n=8)
def test_any_header(tmp_path: Path, header: dict[str, Any], n: int) -> None:
    read_all(tmp_path / "model.safetensors", pack(header, bytes(n)))


def test_shard_files_are_closed(synthetic: Callable[..., Path]) -> None:
    with open_checkpoint(synthetic(n_shards=3)) as checkpoint:
        sources = (*checkpoint.llm, *checkpoint.mmproj)
    assert len({source.file.path for source in sources}) == 3
    for source in sources:
        with pytest.raises(ValueError, match="closed"):
            source.file.read(source.stored, 0, 2)
