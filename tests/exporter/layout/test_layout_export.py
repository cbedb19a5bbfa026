# SPDX-License-Identifier: Apache-2.0
"""The export of small layout checkpoints, read back with gguf-py."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.exporter import export, export_layout
from ppocrvl.exporter.layout.checkpoint import open_layout_checkpoint
from ppocrvl.exporter.layout.config import parse_layout_config
from ppocrvl.exporter.layout.official import LABELS
from ppocrvl.exporter.layout.synthetic import CONFIGS, checkpoint_tensors, saved_name
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.exporter.conftest import Reader, Safetensors

OFFICIAL_V3 = "PaddlePaddle/PP-DocLayoutV3_safetensors"


def values(tensor: gguf.ReaderTensor) -> np.ndarray[Any, Any]:
    shape = tuple(int(n) for n in reversed(tensor.shape))
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(shape)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_two_exports_are_byte_identical(either_checkpoint: Path, tmp_path: Path) -> None:
    for kind in ("f32", "q8_0"):
        first = export_layout(either_checkpoint, tmp_path / "a", layout_type=kind)
        second = export_layout(either_checkpoint, tmp_path / "b", layout_type=kind)
        assert first.read_bytes() == second.read_bytes()


def test_chunks_do_not_change_the_bytes(
    either_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export_layout(either_checkpoint, tmp_path / "a")
    monkeypatch.setattr("ppocrvl.exporter.layout.source.CHUNK_ELEMENTS", 1000)
    assert export_layout(either_checkpoint, tmp_path / "b").read_bytes() == whole.read_bytes()


def test_name_of_the_file(layout_checkpoints: Callable[..., Path], tmp_path: Path) -> None:
    folder = layout_checkpoints()
    assert export_layout(folder, tmp_path) == tmp_path / "Tiny-Layout-F32.gguf"
    assert (
        export_layout(folder, tmp_path, layout_type="bf16", name="Other").name == "Other-BF16.gguf"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"Tiny-Layout-F32.gguf", "Other-BF16.gguf"}
    snapshot = tmp_path / "models--Some--Layout" / "snapshots" / "0123abc"
    shutil.copytree(folder, snapshot)
    assert export_layout(snapshot, tmp_path).name == "Layout-F32.gguf"


def test_keys(layout_checkpoints: Callable[..., Path], tmp_path: Path, read_back: Reader) -> None:
    path = export_layout(layout_checkpoints(), tmp_path, revision="abc", layout_type="f16")
    keys = read_back(path).metadata
    assert keys["general.architecture"] == "ppdoclayout"
    assert keys["general.type"] == "model"
    assert keys["general.file_type"] == 1
    assert keys["ppocrvl.format_version"] == 1
    assert len(keys["ppocrvl.source.sha256"]) == 64
    assert keys["ppocrvl.source.revision"] == "abc"
    ours = {
        key.removeprefix("ppdoclayout."): value for key, value in keys.items() if "ppdoc" in key
    }
    assert ours["labels"] == list(LABELS)
    assert ours["thresholds"] == pytest.approx([0.3] * 25)
    assert ours["backbone.stage_light"] == [0, 0, 1, 1]
    assert ours["mask.present"] is ours["mask.enhanced"] is True
    assert ours["mask.feature_lengths"] == [8, 12]
    assert (ours["version"], ours["image.width"], ours["encoder.csp_length"]) == (3, 160, 32)
    assert not {key for key in ours if key.startswith("region.")}


def test_keys_of_v2(
    layout_checkpoints: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    keys = read_back(export_layout(layout_checkpoints("v2-small"), tmp_path)).metadata
    assert keys["ppdoclayout.version"] == 2
    assert keys["ppdoclayout.order.relation_scale"] == 100
    assert keys["ppdoclayout.order.thresholds"] == keys["ppdoclayout.thresholds"]
    assert not {key for key in keys if "mask" in key}


def test_document_names_every_key(
    layout_checkpoints: Callable[..., Path], tmp_path: Path, read_back: Reader, project_root: Path
) -> None:
    flags = ("halve", "snap_to_ink", "cover_ink", "only_found_vote", "order_columns")
    ours = {**dict.fromkeys(flags, True), "nms_iou": 0.5}
    found: set[str] = set()
    for size in ("v3-small", "v2-small"):
        path = export_layout(layout_checkpoints(size, ppocrvl_layout=ours), tmp_path)
        found |= {key for key in read_back(path).metadata if key.startswith("ppdoclayout.")}
    text = (project_root / "docs" / "layout-format.md").read_text()
    assert not [key for key in found if f"`{key.removeprefix('ppdoclayout.')}`" not in text]
    assert len(found) > 40


def test_types(either_checkpoint: Path, tmp_path: Path, read_back: Reader) -> None:
    """What was asked for, for convolutions and the encoder's matrices alone."""
    wanted = {"f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}
    for kind, name in wanted.items():
        tensors = read_back(export_layout(either_checkpoint, tmp_path, layout_type=kind)).tensors
        types = {name: tensor.tensor_type.name for name, tensor in tensors.items()}
        assert types["enc.fpn.0.rep.1.weight"] == name
        assert types["enc.aifi.0.attn_q.weight"] == name
        assert types["dec.proj.0.weight"] == name
        # 32 does not divide 27 inputs.
        assert types["backbone.stem1.weight"] == ("F16" if kind == "q8_0" else name)
        for exact in (
            "backbone.2.0.0.depth.weight",
            "backbone.1.down.weight",
            "dec.0.attn_q.weight",
            "dec.0.cross_offsets.weight",
            "dec.enc_class.weight",
            "order.pointer.weight",
        ):
            assert types[exact] == "F32"
        assert all(kind == "F32" for name, kind in types.items() if not name.endswith(".weight"))


def test_folded_convolution(
    layout_checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
) -> None:
    """Convolution and norm against the folded one, with loops that are not the exporter's."""
    stored = safetensors_file.load(layout_checkpoint / "model.safetensors")
    tensors = read_back(export_layout(layout_checkpoint, tmp_path)).tensors
    rng = np.random.default_rng(0)

    def normed(module: str, norm: str, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        weight, bias, mean, variance = (
            stored.float32(f"{module}.{norm}.{part}").astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (y - mean) / np.sqrt(variance + 1e-5) * weight + bias

    def convolved(kernels: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        n_out, n_in, size, _ = kernels.shape
        margin = size // 2
        x = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
        side = x.shape[1] - size + 1
        y = np.zeros((n_out, side, side))
        for o in range(n_out):
            for i in range(n_in):
                plane = x[o if n_in == 1 else i]
                for row in range(size):
                    for column in range(size):
                        part = plane[row : row + side, column : column + side]
                        y[o] += kernels[o, i, row, column].astype(np.float64) * part
        return y

    def check(
        target: str, expected: np.ndarray[Any, Any], x: np.ndarray[Any, Any], n_in: int
    ) -> None:
        matrix = values(tensors[f"{target}.weight"])
        size = round((matrix.shape[1] / n_in) ** 0.5)
        folded = convolved(matrix.reshape(len(matrix), n_in, size, size), x)
        folded += values(tensors[f"{target}.bias"])[:, None, None]
        assert np.abs(folded - expected).max() <= 1e-6 * np.abs(expected).max()

    block = "model.encoder.pan_blocks.1.bottlenecks.2"
    x = rng.standard_normal((32, 5, 5))
    both = [
        normed(
            f"{block}.{conv}", "norm", convolved(stored.float32(f"{block}.{conv}.conv.weight"), x)
        )
        for conv in ("conv1", "conv2")
    ]
    check("enc.pan.1.rep.2", both[0] + both[1], x, 32)

    depth = "model.backbone.model.encoder.stages.2.blocks.1.layers.0.conv2"
    x = rng.standard_normal((48, 6, 6))
    kernels = stored.float32(f"{depth}.convolution.weight")
    assert kernels.shape == (48, 1, 5, 5)
    expected = normed(depth, "normalization", convolved(kernels, x))
    check("backbone.2.1.0.depth", expected, x, 1)


def test_saved_names_and_module_names_are_the_same_tensors(
    layout_checkpoint: Path, safetensors_file: type[Safetensors], tmp_path: Path
) -> None:
    before = export_layout(layout_checkpoint, tmp_path / "a", revision="r").read_bytes()
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    saved = "model.encoder.encoder.0.layers.0.self_attn.out_proj.weight"
    assert saved in stored.data
    assert "model.decoder.layers.1.fc2.bias" in stored.data
    for name in list(stored.data):
        new = name.replace("encoder.encoder.", "encoder.aifi.").replace("out_proj", "o_proj")
        stored.rename(name, new.replace(".fc", ".mlp.fc"))
    stored.save(path)
    after = export_layout(layout_checkpoint, tmp_path / "b", revision="r").read_bytes()
    assert saved not in stored.data
    assert len(after) == len(before)
    assert after[-(1 << 20) :] == before[-(1 << 20) :]  # the header has another SHA-256


def test_heads_of_the_decoder_may_be_there(
    layout_checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
) -> None:
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    assert "model.decoder.class_embed.weight" not in stored.data
    tied = read_back(export_layout(layout_checkpoint, tmp_path)).tensors
    assert np.array_equal(tied["dec.class.weight"].data, tied["dec.enc_class.weight"].data)
    assert np.array_equal(tied["dec.box.2.weight"].data, tied["dec.enc_box.2.weight"].data)
    own = np.ones((25, 64), "<f4")
    stored.add("model.decoder.class_embed.weight", "F32", [25, 64], own.tobytes())
    stored.save(path)
    untied = read_back(export_layout(layout_checkpoint, tmp_path)).tensors
    assert np.array_equal(values(untied["dec.class.weight"]), own)
    assert np.array_equal(untied["dec.enc_class.weight"].data, tied["dec.enc_class.weight"].data)


def test_without_masks(
    layout_checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
) -> None:
    change_config(layout_checkpoint, mask_enhanced=False, ppocrvl_layout={"masks": False})
    file = read_back(export_layout(layout_checkpoint, tmp_path))
    assert file.metadata["ppdoclayout.mask.present"] is False
    assert file.metadata["ppdoclayout.mask.enhanced"] is False
    assert "ppdoclayout.mask.prototype_count" not in file.metadata
    assert not [name for name in file.tensors if name.startswith("mask.")]
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    for name in [name for name in stored.data if "mask" in name]:
        stored.drop(name)
    stored.save(path)
    assert read_back(export_layout(layout_checkpoint, tmp_path)).data == file.data


def test_all_faults_in_one_error(
    layout_checkpoint: Path, safetensors_file: type[Safetensors], tmp_path: Path
) -> None:
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    stored.drop("model.enc_score_head.bias")
    stored.add("model.surprise", "F32", [1], bytes(4))
    stored.drop("model.decoder_norm.weight")
    stored.add("model.decoder_norm.weight", "F32", [63], bytes(4 * 63))
    stored.drop("model.decoder_norm.bias")
    stored.add("model.decoder_norm.bias", "I32", [64], bytes(4 * 64))
    repeated = "model.encoder.aifi.0.layers.0.self_attn.o_proj.bias"
    stored.add(repeated, "F32", [64], bytes(4 * 64))
    stored.save(path)
    with pytest.raises(CheckpointError) as error:
        export_layout(layout_checkpoint, tmp_path / "out")
    message = str(error.value)
    assert "2 missing: " in message  # the decoder's head is the same
    assert "model.enc_score_head.bias" in message
    assert "1 unexpected: model.surprise" in message
    assert "1 mis-shaped: model.decoder_norm.weight [63] instead of [64]" in message
    assert "1 not F32, F16 or BF16: model.decoder_norm.bias (I32)" in message
    assert "1 repeated: " in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("model.encoder.lateral_convs.0.norm.running_var", -1.0, "running_var is negative"),
        ("model.encoder.lateral_convs.0.norm.running_mean", np.nan, "holds NaN or infinity"),
        ("model.encoder.lateral_convs.0.conv.weight", np.inf, "holds NaN or infinity"),
        ("model.enc_output.0.bias", np.nan, "model.enc_output.0.bias holds NaN"),
    ],
)
def test_damaged_values(
    layout_checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    *,
    name: str,
    value: float,
    told: str,
) -> None:
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    damaged = np.frombuffer(stored.data[name], "<f4").copy()
    damaged[3] = value
    stored.data[name] = damaged.tobytes()
    stored.save(path)
    with pytest.raises(CheckpointError, match="checkpoint is damaged") as error:
        export_layout(layout_checkpoint, tmp_path / "out")
    assert told in str(error.value)
    assert not list((tmp_path / "out").iterdir())


def test_wrong_folders(layout_checkpoint: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="this is a layout model's checkpoint"):
        export(layout_checkpoint, tmp_path)
    with pytest.raises(CheckpointError, match="model_type is 'paddleocr_vl'"):
        export_layout(tiny_checkpoint, tmp_path)
    with pytest.raises(CheckpointError, match="not a folder"):
        export_layout(tmp_path / "nothing", tmp_path)
    (layout_checkpoint / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="preprocessor_config"):
        export_layout(layout_checkpoint, tmp_path)
    with pytest.raises(OptionError, match="type 'q4_0'"):
        export_layout(layout_checkpoint, tmp_path, layout_type="q4_0")


def test_command_tells_checkpoints_apart(
    layout_checkpoint: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(arguments: list[str]) -> int:
        monkeypatch.setattr("sys.argv", ["ppocrvl", *arguments])
        return run_command()

    arguments = ["export", str(layout_checkpoint), "-o", str(tmp_path)]
    assert main([*arguments, "--layout-type", "bf16", "--name", "L"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'L-BF16.gguf'}\n"
    assert main([*arguments, "--llm-type", "bf16", "--modelfile"]) == OptionError.exit_code
    assert "--llm-type, --modelfile cannot apply" in capsys.readouterr().err
    arguments = ["export", str(tiny_checkpoint), "-o", str(tmp_path), "--layout-type", "f32"]
    assert main(arguments) == OptionError.exit_code
    assert "holds no layout model" in capsys.readouterr().err


def test_public_name() -> None:
    assert ppocrvl.export_layout is export_layout


def test_names_fit_into_ggml(either_checkpoint: Path) -> None:
    with open_layout_checkpoint(either_checkpoint) as checkpoint:
        names = [tensor.spec.target for tensor in checkpoint.tensors]
    assert max(map(len, names)) <= 63
    assert len(set(names)) == len(names)


def test_official_file_has_the_size_of_the_table() -> None:
    """To the byte: so its tensors have these names and shapes, and there are no others."""
    data = {**CONFIGS["v3"], "id2label": {str(i): label for i, label in enumerate(LABELS)}}
    side = {"size": {"height": 800, "width": 800}}
    config = parse_layout_config(data, "config.json", side, "preprocessor_config.json")
    shapes = {saved_name(name): shape for name, shape in checkpoint_tensors(config).items()}
    header: dict[str, Any] = {}
    end = 0
    for name in sorted(shapes):
        begin, end = end, end + 4 * math.prod(shapes[name])
        header[name] = {"dtype": "F32", "shape": shapes[name], "data_offsets": [begin, end]}
    length = len(json.dumps(header, separators=(",", ":")))
    assert 8 + length + -length % 8 + end == LAYOUT_CHECKPOINTS[OFFICIAL_V3].weights.size


def test_command_says_what_is_missing(
    layout_checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = layout_checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    lost = [name for name in stored.data if name.startswith("model.decoder.layers.1.")]
    for name in lost:
        stored.drop(name)
    stored.save(path)
    command = ["export", str(layout_checkpoint), "-o", str(tmp_path / "out")]
    assert run_command(command) == CheckpointError.exit_code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"{len(lost)} missing: model.decoder.layers.1." in printed.err
    assert not (tmp_path / "out").exists()
