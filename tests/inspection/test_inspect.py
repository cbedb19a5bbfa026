# SPDX-License-Identifier: Apache-2.0
"""The numbers of `ppocrvl inspect`, against those of the official model and of our exports."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gguf import GGUFWriter

from ppocrvl.cli.main import run_command
from ppocrvl.errors import (
    CheckpointError,
    ExitCode,
    ImageTooThinError,
    ModelFormatError,
    ModelNotFoundError,
    OptionError,
)
from ppocrvl.exporter import export, export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.inspection import Component, Inspection, inspect_model
from ppocrvl.inspection.text import render
from ppocrvl.quantizer import quantize

if TYPE_CHECKING:
    from pathlib import Path

# Upstream's converter and llama-quantize on a checkpoint of the official size: bytes of the files.
UPSTREAM_LLM = {"BF16": 936_158_784, "Q8_0": 498_705_984, "Q4_K_M": 300_609_088}
UPSTREAM_MMPROJ = {"BF16": 881_769_760, "Q8_0": 597_565_600, "Q4_0": 445_990_048}


def _sizes(inspection: Inspection, part: int) -> dict[str, int]:
    return {item.name: item.n_bytes for item in inspection.parts[part].quantizations}


def _find(tree: Component, name: str) -> Component:
    return next(child for child in tree.children if child.name == name)


def _check_sums(component: Component) -> None:
    for child in component.children:
        _check_sums(child)
    if component.children:
        for quantity in ("n_tensors", "n_parameters", "n_bytes"):
            parts = sum(getattr(child, quantity) for child in component.children)
            assert getattr(component, quantity) == parts


def test_official_parameter_counts(official_size: Path) -> None:
    llm, mmproj = (part.tree for part in inspect_model(official_size).parts)
    assert llm.n_parameters == 466_654_208
    assert _find(llm, "embeddings").n_parameters == 105_906_176
    assert _find(llm, "output head").n_parameters == 105_906_176
    assert _find(mmproj, "encoder layers").n_parameters == 411_466_608
    assert _find(mmproj, "projector").n_parameters == 25_960_192
    assert _find(mmproj, "unused").n_parameters == 52_987_088
    assert mmproj.n_parameters == 438_947_440 + 52_987_088
    for tree in (llm, mmproj):
        _check_sums(tree)
        assert sum(child.share for child in tree.children) == pytest.approx(1)


def test_quantized_sizes_of_the_official_model(official_size: Path) -> None:
    inspection = inspect_model(official_size)
    # The headers of the files are equal, so differences of sizes are differences of tensor data.
    llm = _sizes(inspection, 0)
    assert llm["Q8_0"] - llm["Q4_K_M"] == UPSTREAM_LLM["Q8_0"] - UPSTREAM_LLM["Q4_K_M"]
    assert not any(item.fallbacks for item in inspection.parts[0].quantizations)
    # Upstream leaves the FFN's 4304-wide rows at 16 bits; ours are padded, so that none is left.
    mmproj = _sizes(inspection, 1)
    assert mmproj["Q8_0"] < 0.8 * UPSTREAM_MMPROJ["Q8_0"]
    assert mmproj["Q4_0"] < 0.6 * UPSTREAM_MMPROJ["Q4_0"]
    # What the presets promise, with some kilobytes for the files' headers.
    pairs = {name: llm[name] + mmproj[name] for name in ("small", "balanced", "quality")}
    assert mmproj["Q8_0"] < 480e6
    assert mmproj["small"] < 300e6
    assert pairs["balanced"] < 795e6
    assert pairs["small"] < 555e6
    items = inspection.parts[1].quantizations
    assert {item.name: {f.row: f.type for f in item.fallbacks} for item in items} == {
        "small": {},
        "balanced": {},
        "quality": {},
        "Q8_0": {},
        "Q6_K": {1152: "Q8_0"},
        "Q5_K": {1152: "Q5_1"},
        "Q4_K": {1152: "Q5_0"},
        "Q4_0": {},
    }


def test_quantized_sizes_are_those_of_quantize(checkpoint: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "bf16")
    predicted = [inspect_model(checkpoint), inspect_model(tmp_path / "bf16")]
    for name in ("Q8_0", "Q4_0", "Q6_K"):
        files = quantize(tmp_path / "bf16", tmp_path / name, llm_type=name, mmproj_type=name)
        for inspection in predicted:
            for part, file in enumerate((files.llm, files.mmproj)):
                written = sum(tensor.n_bytes for tensor in file.tensors)
                assert _sizes(inspection, part)[name] == written


def test_a_model_folder_and_its_files(model: Path) -> None:
    inspection = inspect_model(model)
    assert inspection.kind == "model"
    assert inspection.problem is None
    for inspected in inspection.parts:
        part = inspected.part
        assert part.file_bytes == part.path.stat().st_size
        assert 0 < part.file_bytes - inspected.tree.n_bytes < 100_000
        _check_sums(inspected.tree)
        assert "other" not in {child.name for child in inspected.tree.children}
        alone = inspect_model(part.path)
        assert alone.kind == "file"
        assert alone.parts == (inspected,)
        assert alone.memory is None


def test_a_model_folder_with_a_layout_model(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "three"
    shutil.copytree(model, folder)
    write_synthetic_layout(tmp_path / "page", image_size=160)
    layout = export_layout(tmp_path / "page", folder)
    found = inspect_model(folder)
    assert (found.kind, found.problem) == ("model", None)
    assert [one.part.role for one in found.parts] == ["llm", "mmproj", "layout"]
    assert found.memory == inspect_model(model).memory
    assert f"layout model  {layout.name}" in render(found)
    layout.write_bytes(layout.read_bytes()[:-1000])
    assert inspect_model(folder).kind == "model"  # of the pair; what is damaged is of no kind


def test_memory(model: Path) -> None:
    memory = inspect_model(model, image_size=(1140, 140), max_tokens=100).memory
    assert memory is not None
    assert memory.resized == (1148, 140)
    assert memory.image_tokens == 41 * 5
    assert memory.context_tokens == 512  # 205 + prompt + 100, in steps of 256
    assert memory.kv_cache == 2 * 2 * 2 * 128 * 512 * 2  # k and v, layers, heads, size, F16
    larger = inspect_model(model, image_size=(2000, 2000), max_tokens=100).memory
    assert larger is not None
    assert larger.encoder_compute > 3 * memory.encoder_compute
    assert larger.total > memory.total


def test_a_file_that_cannot_run_is_shown_with_the_reason(model: Path, tmp_path: Path) -> None:
    mmproj = next(model.glob("mmproj-*.gguf"))
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(mmproj.read_bytes().replace(b"v.blk.1.ln1.bias", b"v.blk.1.ln7.bias"))
    inspection = inspect_model(damaged)
    assert inspection.problem is not None
    assert "tensor 'v.blk.1.ln1.bias' is missing" in inspection.problem
    assert _find(inspection.parts[0].tree, "other").n_tensors == 1


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("mmproj-*.gguf", b"clip.vision.projection_dim"),
        ("tiny-*.gguf", b"paddleocr.block_count"),
    ],
)
def test_a_file_that_lacks_a_size_is_shown_with_the_reason(
    model: Path, tmp_path: Path, file: str, key: bytes
) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(next(model.glob(file)).read_bytes().replace(key, key[:-1] + b"?"))
    inspection = inspect_model(damaged)
    assert inspection.problem is not None
    assert key.decode() in inspection.problem
    assert inspection.parts[0].part.sizes is None
    assert inspection.parts[0].tree.n_bytes > 0


def test_a_file_of_another_kind_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    inspection = inspect_model(path)
    assert inspection.problem is not None
    assert [one.part.role for one in inspection.parts] == ["other"]
    assert inspection.parts[0].tree.n_bytes == 4 * 32 * 4


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("mmproj-*.gguf", b"clip.vision.patch_size", 0),
        ("mmproj-*.gguf", b"clip.vision.image_max_pixels", 0),
        ("tiny-*.gguf", b"paddleocr.attention.head_count_kv", 0),
        ("tiny-*.gguf", b"paddleocr.block_count", 2**31),
    ],
)
def test_impossible_numbers_of_a_file_are_its_problem(
    model: Path, tmp_path: Path, file: str, key: bytes, value: int
) -> None:
    for path in model.iterdir():
        data = bytearray(path.read_bytes())
        if path.match(file):
            at = data.index(key) + len(key) + 4  # behind the type
            data[at : at + 4] = value.to_bytes(4, "little")
        (tmp_path / path.name).write_bytes(data)
    inspection = inspect_model(tmp_path)
    assert inspection.problem is not None
    assert key.decode() in inspection.problem
    assert inspection.memory is None


@pytest.mark.parametrize("shape", [[], [0]])
def test_tensor_of_an_impossible_shape_in_a_checkpoint(
    checkpoint: Path, tmp_path: Path, shape: list[int]
) -> None:
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    # By hand and in order: the reader takes no file with gaps between its tensors.
    weights = tmp_path / "model.safetensors"
    data = weights.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:start]), bytearray()
    for name, tensor in sorted(
        ((n, t) for n, t in header.items() if n != "__metadata__"),
        key=lambda item: item[1]["data_offsets"],
    ):
        first, last = tensor["data_offsets"]
        if name == "model.norm.weight":
            tensor["shape"], last = shape, first + (0 if shape else 2)
        tensor["data_offsets"] = [len(body), len(body) + last - first]
        body += data[start + first : start + last]
    text = json.dumps(header).encode()
    weights.write_bytes(len(text).to_bytes(8, "little") + text + body)
    norm = next(t for t in inspect_model(tmp_path).parts[0].part.tensors if "output_norm" in t.name)
    assert norm.n_parameters == (0 if shape else 1)


def test_checkpoint_with_impossible_pixel_limits(checkpoint: Path, tmp_path: Path) -> None:
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = tmp_path / "preprocessor_config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "max_pixels": 0, "size": None}))
    with pytest.raises(CheckpointError, match="pixel limits"):
        inspect_model(tmp_path)


def test_command(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["inspect", str(model)]) == ExitCode.OK
    text = capsys.readouterr().out
    for wanted in ("language model", "feed-forward", "Q4_K_M", "F16", "key/value cache"):
        assert wanted in text
    arguments = ["inspect", str(model), "--json", "--image-size", "1140x140", "--max-tokens", "100"]
    assert run_command(arguments) == ExitCode.OK
    values = json.loads(capsys.readouterr().out)
    assert values["memory"]["context_tokens"] == 512
    assert values["memory"]["total"] == sum(
        values["memory"][name]
        for name in (
            *("llm_weights", "mmproj_weights", "kv_cache"),
            *("encoder_compute", "decoder_compute", "process"),
        )
    )
    assert [part["role"] for part in values["parts"]] == ["llm", "mmproj"]


def test_errors(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelNotFoundError, match="no such file"):
        inspect_model(tmp_path / "absent")
    with pytest.raises(ModelNotFoundError, match=r"\\udcff.gguf': not a UTF-8 name"):
        inspect_model(tmp_path / "\udcff.gguf")
    with pytest.raises(ModelNotFoundError, match="no GGUF file"):
        inspect_model(tmp_path)
    (tmp_path / "text.gguf").write_text("this is no model")
    with pytest.raises(ModelFormatError, match="not a GGUF file"):
        inspect_model(tmp_path / "text.gguf")
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError):
        inspect_model(tmp_path)
    with pytest.raises(OptionError, match="at least 1"):
        inspect_model(model, max_tokens=0)
    with pytest.raises(ImageTooThinError):
        inspect_model(model, image_size=(10_000, 10))
    assert run_command(["inspect", str(tmp_path / "text.gguf")]) == ExitCode.MODEL
    assert "not a GGUF file" in capsys.readouterr().err
    assert run_command(["inspect", str(model), "--image-size", "large"]) == ExitCode.USAGE


@pytest.mark.parametrize("size", ["v3-small", "v2-small"])
def test_layout_model(size: str, tmp_path: Path) -> None:
    """A checkpoint and its file: components by name, nothing left over."""
    folder = tmp_path / "layout"
    write_synthetic_layout(folder, size, image_size=160)
    found = inspect_model(folder)
    (part,) = found.parts
    assert (found.kind, part.part.role, found.problem) == ("checkpoint", "layout", None)
    assert {tensor.name for tensor in part.part.dead_tensors} >= {
        "model.denoising_class_embed.weight"
    }

    found = inspect_model(export_layout(folder, tmp_path))
    (part,) = found.parts
    assert (found.kind, part.part.role, found.problem) == ("file", "layout", None)
    names = [child.name for child in part.tree.children]
    masks = ["masks"] if size == "v3-small" else []
    order = ["query selection", "decoder", "reading order"]
    assert names == ["backbone", "hybrid encoder", *masks, *order]
    assert [child.name for child in part.tree.children[0].children] == [
        "stem",
        *("stage 1", "stage 2", "stage 3", "stage 4"),
    ]
    assert sum(child.n_bytes for child in part.tree.children) == part.part.n_bytes
    assert "layout model" in render(found)
    assert found.memory is None
