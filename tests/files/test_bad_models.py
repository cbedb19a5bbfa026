# SPDX-License-Identifier: Apache-2.0
"""Each kind of bad model file: a typed error with one line that names the file, and exit code 4."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import gguf
import numpy as np
import pytest
from PIL import Image

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import (
    ExitCode,
    ModelError,
    ModelFormatError,
    ModelMismatchError,
    ModelNotFoundError,
    OptionError,
)
from ppocrvl.exporter import export
from ppocrvl.support.native import _native
from synthetic_checkpoint import TINY, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ppocrvl.models.folder import ModelPaths

_HUGE = struct.pack("<Q", 1 << 60)


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        assert data.count(old) >= 1
        return data.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("role", "edit", "message"),
    [
        ("llm", lambda data: data[:0], "the file is empty"),
        ("llm", lambda data: data[:-1], "truncated: tensor"),
        ("mmproj", lambda data: data[: len(data) // 2], "truncated: tensor"),
        ("mmproj", lambda data: data[:1000], "truncated or corrupt"),
        ("llm", lambda data: b"GGML" + data[4:], "not a GGUF file"),
        ("llm", lambda data: b"PK\x03\x04" + data[4:], "not a GGUF file"),
        ("llm", lambda data: data[:8] + _HUGE + data[16:], "announces"),
        ("mmproj", lambda data: data[:16] + _HUGE + data[24:], "announces"),
        ("llm", lambda data: data[:24] + _HUGE + data[32:], "truncated or corrupt"),
        ("llm", _replace(b"paddleocr.block_count", b"paddleocr.block_cound"), "block_count"),
        ("mmproj", _replace(b"clip.use_gelu", b"clip.use_gelo"), "clip.use_gelu"),
        ("llm", _replace(b"blk.1.attn_q.weight", b"blk.1.attn_x.weight"), "blk.1.attn_q.weight"),
        ("mmproj", _replace(b"mm.2.bias", b"mm.3.bias"), "'mm.2.bias' is missing"),
        ("llm", _replace(b"</s>", b"</x>"), "misses the token '</s>'"),
    ],
)
def test_damaged_file(
    model: ModelPaths,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    role: str,
    edit: Callable[[bytes], bytes],
    message: str,
) -> None:
    files = {"llm": model.llm, "mmproj": model.mmproj}
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(edit(files[role].read_bytes()))
    files[role] = damaged
    with pytest.raises(ModelFormatError) as caught:
        ppocrvl.Engine(files["llm"], mmproj=files["mmproj"])
    assert message in str(caught.value)
    assert str(damaged) in str(caught.value)
    assert "\n" not in str(caught.value)

    image = tmp_path / "image.png"
    Image.new("RGB", (56, 56)).save(image)
    command = ["ocr", str(image), "--model", str(files["llm"]), "--mmproj", str(files["mmproj"])]
    assert run_command(command) == ExitCode.MODEL
    assert capsys.readouterr().err.count("\n") == 1


def test_a_name_that_is_no_utf8(model: ModelPaths, tmp_path: Path) -> None:
    path = tmp_path / "\udcff.gguf"
    path.write_bytes(model.llm.read_bytes())
    with pytest.raises(ModelNotFoundError, match="surrogates not allowed"):
        ppocrvl.Engine(path, mmproj=model.mmproj)


def test_swapped_files(model: ModelPaths) -> None:
    with pytest.raises(ModelMismatchError, match="it was given as the LLM"):
        ppocrvl.Engine(model.mmproj, mmproj=model.llm)
    with pytest.raises(ModelMismatchError, match="it was given as the mmproj"):
        _native.check_mmproj(str(model.llm))


def test_files_of_two_models(model: ModelPaths, tmp_path: Path) -> None:
    write_synthetic_checkpoint(tmp_path / "other", TINY, seed=1)
    other = export(tmp_path / "other", tmp_path, name="other")
    with pytest.raises(ModelMismatchError, match=r"ppocrvl\.source\.sha256"):
        ppocrvl.Engine(model.llm, mmproj=other.mmproj)


def test_another_architecture(model: ModelPaths, tmp_path: Path) -> None:
    path = tmp_path / "llama.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("x", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert _native.read_gguf(str(path)).role == "other"
    with pytest.raises(ModelFormatError, match="its architecture is 'llama'"):
        ppocrvl.Engine(path, mmproj=model.mmproj)


def test_what_is_read(model: ModelPaths) -> None:
    file = _native.read_gguf(str(model.llm))
    reader = gguf.GGUFReader(model.llm)
    assert file.role == "llm"
    assert file.path == str(model.llm)
    assert file.size == model.llm.stat().st_size
    assert list(file.metadata) == [name for name in reader.fields if not name.startswith("GGUF.")]
    for name, value in file.metadata.items():
        expected = reader.fields[name].contents()
        if isinstance(value, _native.GgufArray):
            assert value.length == len(expected) > 64
        else:
            assert value == expected
            assert type(value) is type(expected)
    assert [
        (tensor.name, tensor.shape, tensor.type, tensor.offset, tensor.n_bytes)
        for tensor in file.tensors
    ] == [
        (
            tensor.name,
            tuple(tensor.shape.tolist()),
            tensor.tensor_type.name,
            tensor.data_offset,
            tensor.n_bytes,
        )
        for tensor in reader.tensors
    ]


def test_text_that_is_no_utf8(model: ModelPaths, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(model.mmproj.read_bytes().replace(b"synthetic", b"synthe\xff\xfec", 1))
    assert _native.read_gguf(str(path)).metadata["general.name"] == "synthe\ufffd\ufffdc"
    path.write_bytes(model.mmproj.read_bytes().replace(b"mm.2.bias", b"mm.2.bi\xff\n", 1))
    with pytest.raises(ModelError, match=r"'mm\.2\.bi\\xff\\x0a' is no tensor name"):
        _native.read_gguf(str(path))


def test_row_bytes_agree_with_gguf_py() -> None:
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        if kind.name in {"Q8_1", "Q8_K"}:  # of no use in files
            continue
        assert _native.quantized_row_bytes(kind.name, 3 * block) == 3 * size
        if block > 1:
            with pytest.raises(OptionError, match="its blocks hold"):
                _native.quantized_row_bytes(kind.name, block + 1)
