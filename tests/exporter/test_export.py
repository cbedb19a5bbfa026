# SPDX-License-Identifier: Apache-2.0
"""The whole export of small checkpoints, read back with gguf-py."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.exporter import export, export_llm, export_mmproj
from ppocrvl.exporter.chat_template import chat_template
from ppocrvl.exporter.checkpoint import open_checkpoint
from ppocrvl.exporter.version import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.exporter.conftest import Reader, Safetensors

# Changing what a release writes means changing FORMAT_VERSION in ppocrvl/export/metadata.py.
GOLDEN = {
    "Tiny-VL-BF16.gguf": "034eaecbfc1d2d52c35466d2b0e817a188621c25cdcbfb4e36d974c0d98dfc11",
    "mmproj-Tiny-VL-BF16.gguf": "eb0e5b17e2bdfbc7c19c110794243e105e7f01ed9765310bb6ff091750197f15",
    "Tiny-VL-Q8_0.gguf": "9b82d18fcfb1cd92f24267692dd68a46298602892b4059fa931d2b6714e884f6",
    "mmproj-Tiny-VL-Q8_0.gguf": "5fce5e17015685718bd308e064b76ae87d4e3ea9b08ff5aa775492a0fb76b3f4",
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_bytes_are_the_golden_ones(fixed_checkpoint: Path, tmp_path: Path) -> None:
    for kind in ("bf16", "q8_0"):
        export(fixed_checkpoint, tmp_path / "out", llm_type=kind, mmproj_type=kind)
    assert {path.name: sha256(path) for path in (tmp_path / "out").iterdir()} == GOLDEN


def test_two_exports_are_byte_identical(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    first = export(synthetic(), tmp_path / "a", llm_type="q8_0")
    second = export(synthetic(), tmp_path / "b", llm_type="q8_0")
    assert first.llm.read_bytes() == second.llm.read_bytes()
    assert first.mmproj.read_bytes() == second.mmproj.read_bytes()


def test_files_are_named_after_checkpoint_and_type(
    synthetic: Callable[..., Path], tmp_path: Path
) -> None:
    result = export(synthetic(), tmp_path, llm_type="q8_0", mmproj_type="f16")
    assert result.llm == tmp_path / "Tiny-VL-Q8_0.gguf"
    assert result.mmproj == tmp_path / "mmproj-Tiny-VL-F16.gguf"
    assert {path.name for path in tmp_path.iterdir()} == {result.llm.name, result.mmproj.name}
    assert export(synthetic(), tmp_path, name="Other 2").llm.name == "Other 2-BF16.gguf"


def test_a_checkpoint_may_say_how_many_lines_it_reads(
    checkpoint: Path, read_back: Reader, tmp_path: Path
) -> None:
    assert "ppocrvl.max_lines" not in read_back(export(checkpoint, tmp_path / "a").llm).metadata
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "ppocrvl_max_lines": 6}))
    found = export(checkpoint, tmp_path / "b")
    assert read_back(found.llm).metadata["ppocrvl.max_lines"] == 6
    assert "ppocrvl.max_lines" not in read_back(found.mmproj).metadata


def test_a_checkpoint_may_say_for_which_tasks_it_was_trained(
    checkpoint: Path, read_back: Reader, tmp_path: Path
) -> None:
    assert "ppocrvl.tasks" not in read_back(export(checkpoint, tmp_path / "a").llm).metadata
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "ppocrvl_tasks": ["ocr"]}))
    found = export(checkpoint, tmp_path / "b")
    assert read_back(found.llm).metadata["ppocrvl.tasks"] == ["ocr"]
    (checkpoint / "config.json").write_text(json.dumps({**config, "ppocrvl_tasks": "ocr"}))
    with pytest.raises(CheckpointError, match="ppocrvl_tasks must be a list of texts"):
        export(checkpoint, tmp_path / "c")


def test_name_in_the_hub_cache_is_the_repository(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    snapshot = tmp_path / "models--Some--Fine-Tune" / "snapshots" / "0123abc"
    shutil.copytree(synthetic(), snapshot)
    result = export(snapshot, tmp_path / "out")
    assert result.llm.name == "Fine-Tune-BF16.gguf"
    assert read_back(result.llm).metadata["general.name"] == "Fine-Tune"


@pytest.mark.parametrize(
    ("dtype", "file_type"),
    [
        *(("bf16", "f32"), ("bf16", "f16"), ("bf16", "bf16"), ("bf16", "q8_0")),
        *(("f16", "f32"), ("f16", "bf16"), ("f32", "f32"), ("f32", "f16")),
    ],
)
def test_every_tensor_holds_the_source_values(
    synthetic: Callable[..., Path],
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
    *,
    dtype: str,
    file_type: str,
) -> None:
    source = synthetic(dtype=dtype)
    stored = safetensors_file.load(source / "model.safetensors")
    result = export(source, tmp_path, llm_type=file_type, mmproj_type=file_type)
    with open_checkpoint(source) as opened:
        names = {item.spec.target: item.spec.source for item in (*opened.llm, *opened.mmproj)}
    found = {**read_back(result.llm).tensors, **read_back(result.mmproj).tensors}
    assert found.keys() == names.keys()
    for target, tensor in found.items():
        expected = stored.float32(names[target])
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(expected.shape)
        assert list(reversed(tensor.shape)) == list(expected.shape), target
        if file_type in {"f32", dtype} or tensor.tensor_type is gguf.GGMLQuantizationType.F32:
            assert np.array_equal(values, expected), target
        elif tensor.tensor_type is gguf.GGMLQuantizationType.Q8_0:
            # Half a step of 1/127 of the block's largest value, and 127 times the relative error
            # of the step itself, which is a float16.
            step = np.abs(expected).max() / 127
            assert np.abs(values - expected).max() <= (0.5 + 127 * 2**-11) * step, target
        else:
            # bf16 rounds to 8 bits, f16 to 11 or to its smallest step.
            np.testing.assert_allclose(values, expected, rtol=2**-8, atol=2**-25)


def test_types_of_the_tensors(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    kinds: dict[str, dict[str, str]] = {}
    for file_type in ("f32", "f16", "bf16", "q8_0"):
        result = export(synthetic(), tmp_path, llm_type=file_type, mmproj_type=file_type)
        tensors = {**read_back(result.llm).tensors, **read_back(result.mmproj).tensors}
        kinds[file_type] = {name: item.tensor_type.name for name, item in tensors.items()}
    for name in (
        "token_embd.weight",
        "output.weight",
        "blk.1.attn_k.weight",
        "v.blk.2.ffn_up.weight",
    ):
        assert [kinds[t][name] for t in kinds] == ["F32", "F16", "BF16", "Q8_0"]
    # 32 does not divide its rows of 560.
    assert [kinds[t]["v.blk.0.ffn_down.weight"] for t in kinds] == ["F32", "F16", "BF16", "F16"]
    assert [kinds[t]["v.patch_embd.weight"] for t in kinds] == ["F32", "F16", "F32", "F32"]
    for name in ("output_norm.weight", "v.position_embd.weight", "mm.1.bias", "v.blk.0.ln1.bias"):
        assert [kinds[t][name] for t in kinds] == ["F32"] * 4


def test_metadata_of_the_llm(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    source = synthetic()
    metadata = read_back(export(source, tmp_path, revision="66317acc").llm).metadata
    expected = {
        "general.architecture": "paddleocr",
        "general.type": "model",
        "general.name": "Tiny VL",
        "general.file_type": 32,
        "general.quantization_version": 2,
        "paddleocr.block_count": 2,
        "paddleocr.context_length": 4096,
        "paddleocr.embedding_length": 256,
        "paddleocr.feed_forward_length": 512,
        "paddleocr.attention.head_count": 4,
        "paddleocr.attention.head_count_kv": 2,
        "paddleocr.rope.dimension_sections": [16, 24, 24, 0],
        "paddleocr.rope.freq_base": 500000.0,
        "paddleocr.attention.layer_norm_rms_epsilon": float(np.float32(1e-5)),
        "paddleocr.attention.key_length": 128,
        "paddleocr.attention.value_length": 128,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.seperator_token_id": 956,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.mask_token_id": 958,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "ppocrvl.format_version": 1,
        "ppocrvl.model_version": "1.6",
        "ppocrvl.source.sha256": sha256(source / "model.safetensors"),
        "ppocrvl.source.revision": "66317acc",
    }
    assert {key: metadata.get(key) for key in expected} == expected
    others = {"general.size_label", "tokenizer.chat_template"}
    others |= {f"tokenizer.ggml.{key}" for key in ("tokens", "scores", "token_type")}
    assert {key for key in metadata if not key.startswith("GGUF.")} == expected.keys() | others


def test_metadata_of_the_mmproj(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    source = synthetic()
    metadata = read_back(export(source, tmp_path).mmproj).metadata
    limits = {}
    for task in ("ocr", "table", "formula", "chart", "spotting", "seal"):
        limits[f"ppocrvl.task.{task}.min_pixels"] = 112896
        limits[f"ppocrvl.task.{task}.max_pixels"] = 1605632 if task == "spotting" else 1003520
    expected = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "Tiny VL",
        "general.file_type": 32,
        "general.quantization_version": 2,
        "clip.has_vision_encoder": True,
        "clip.projector_type": "paddleocr",
        "clip.use_gelu": True,
        "clip.vision.projection_dim": 256,
        "clip.vision.image_size": 1001,
        "clip.vision.patch_size": 14,
        "clip.vision.embedding_length": 192,
        "clip.vision.feed_forward_length": 560,
        "clip.vision.block_count": 3,
        "clip.vision.attention.head_count": 4,
        "clip.vision.attention.layer_norm_epsilon": float(np.float32(1e-6)),
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
        "clip.vision.image_min_pixels": 112896,
        "clip.vision.image_max_pixels": 1003520,
        "ppocrvl.format_version": 1,
        "ppocrvl.model_version": "1.6",
        "ppocrvl.source.sha256": sha256(source / "model.safetensors"),
        **limits,
    }
    found = {key: value for key, value in metadata.items() if not key.startswith("GGUF.")}
    assert found.pop("general.size_label") == "2.1M"
    assert found == expected


def test_pixel_limits_can_be_given(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    result = export(synthetic(), tmp_path, min_pixels=784, max_pixels=1605632)
    metadata = read_back(result.mmproj).metadata
    assert metadata["clip.vision.image_min_pixels"] == 784
    assert metadata["clip.vision.image_max_pixels"] == 1605632
    assert metadata["clip.vision.image_size"] == math.isqrt(1605632)
    assert metadata["ppocrvl.task.table.max_pixels"] == 1605632


@pytest.mark.parametrize(
    "options",
    [{"n_shards": 3}, {"layout": "transformers5"}, {"layout": "transformers5", "n_shards": 2}],
)
def test_other_layouts_give_the_same_tensors(
    synthetic: Callable[..., Path],
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
    options: dict[str, Any],
) -> None:
    """The synthetic weights depend on the names, so the names are changed after the fact."""
    plain = synthetic()
    tensors = safetensors_file.load(plain / "model.safetensors")
    other = shutil.copytree(synthetic(**options), tmp_path / "Tiny-VL")
    for path in sorted(other.glob("*.safetensors")):
        stored = safetensors_file.load(path)
        for name in stored.data:
            original = name.replace("model.language_model.", "model.")
            original = original.replace("model.visual.", "visual.")
            original = original.replace("model.projector.", "mlp_AR.")
            stored.data[name] = tensors.data[original]
        stored.save(path)
    expected = export(plain, tmp_path / "a")
    result = export(other, tmp_path / "b")
    for one, two in ((expected.llm, result.llm), (expected.mmproj, result.mmproj)):
        before, after = read_back(one), read_back(two)
        assert after.data == before.data
        assert list(after.tensors) == list(before.tensors)
        before.metadata.pop("ppocrvl.source.sha256")
        after.metadata.pop("ppocrvl.source.sha256")
        if options.get("layout"):  # without piece scores, ranks take their place
            before.metadata.pop("tokenizer.ggml.scores", None)
            after.metadata.pop("tokenizer.ggml.scores", None)
        assert after.metadata == before.metadata


def test_fused_names_of_mlx_give_the_same_tensors(
    checkpoint: Path, safetensors_file: type[Safetensors], tmp_path: Path, read_back: Reader
) -> None:
    expected = export(checkpoint, tmp_path / "a")
    path = checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    for layer in range(3):
        attention = f"visual.vision_model.encoder.layers.{layer}.self_attn"
        for kind in ("weight", "bias"):
            parts = [f"{attention}.{letter}_proj.{kind}" for letter in "qkv"]
            shape = stored.header[parts[0]]["shape"]
            fused = b"".join(stored.data[name] for name in parts)
            stored.add(
                f"visual.layers.{layer}.self_attn.qkv.{kind}",
                "BF16",
                [3 * shape[0], *shape[1:]],
                fused,
            )
            for name in parts:
                stored.drop(name)
    patch = "visual.vision_model.embeddings.patch_embedding.weight"
    kernel = np.frombuffer(stored.data[patch], np.uint16).reshape(192, 3, 14, 14)
    stored.data[patch] = kernel.transpose(0, 2, 3, 1).tobytes()
    stored.header[patch]["shape"] = [192, 14, 14, 3]
    for name in list(stored.data):
        renamed = name.replace("visual.vision_model.encoder.", "visual.")
        renamed = renamed.replace("visual.vision_model.", "visual.")
        renamed = renamed.replace("mlp_AR.", "visual.projector.")
        if name.startswith(("model.", "lm_head.")):
            renamed = f"language_model.{name}"
        if "packing" in name or ".head." in name:
            stored.drop(name)
        elif renamed != name:
            stored.rename(name, renamed)
    stored.save(path)
    result = export(checkpoint, tmp_path / "b")
    assert read_back(result.llm).data == read_back(expected.llm).data
    assert read_back(result.mmproj).data == read_back(expected.mmproj).data


@pytest.mark.parametrize("flag", [False, True])
def test_head_is_decided_by_the_tensor_not_the_flag(
    checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    read_back: Reader,
    *,
    flag: bool,
) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": flag}))
    with_head = read_back(export_llm(checkpoint, tmp_path / "head.gguf")).tensors
    stored = safetensors_file.load(checkpoint / "model.safetensors")
    stored.drop("lm_head.weight")
    stored.save(checkpoint / "model.safetensors")
    tied = read_back(export_llm(checkpoint, tmp_path / "tied.gguf")).tensors
    assert "output.weight" in with_head
    assert with_head.keys() - tied.keys() == {"output.weight"}


def test_dead_tensors_need_not_be_there(
    checkpoint: Path, safetensors_file: type[Safetensors], tmp_path: Path, read_back: Reader
) -> None:
    expected = read_back(export_mmproj(checkpoint, tmp_path / "a.gguf"))
    stored = safetensors_file.load(checkpoint / "model.safetensors")
    dead = [name for name in stored.data if "packing" in name or "vision_model.head" in name]
    assert len(dead) == 12
    for name in dead:
        stored.drop(name)
    stored.save(checkpoint / "model.safetensors")
    found = read_back(export_mmproj(checkpoint, tmp_path / "b.gguf"))
    assert found.data == expected.data
    assert found.tensors.keys() == expected.tensors.keys()


def test_all_wrong_tensors_are_told_in_one_error(
    checkpoint: Path, safetensors_file: type[Safetensors], tmp_path: Path
) -> None:
    path = checkpoint / "model.safetensors"
    stored = safetensors_file.load(path)
    stored.drop("model.norm.weight")
    stored.drop("mlp_AR.linear_2.bias")
    stored.header["model.layers.0.self_attn.k_proj.weight"]["shape"] = [128, 512]
    stored.add("model.layers.7.mlp.up_proj.weight", "BF16", [1, 1], b"\0\0")
    stored.header["model.layers.1.input_layernorm.weight"] = {"dtype": "I16", "shape": [256]}
    stored.add("model.language_model.layers.0.mlp.up_proj.weight", "BF16", [1], b"\0\0")
    stored.save(path)
    with pytest.raises(CheckpointError) as error:
        export(checkpoint, tmp_path / "out")
    message = str(error.value)
    for part in (
        "2 missing: model.norm.weight, mlp_AR.linear_2.bias",
        "1 unexpected: model.layers.7.mlp.up_proj.weight",
        "model.layers.0.self_attn.k_proj.weight [128, 512] instead of [256, 256]",
        "model.layers.1.input_layernorm.weight (I16)",
        "1 repeated: model.language_model.layers.0.mlp.up_proj.weight",
    ):
        assert part in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "bits", "problem"),
    [
        ("model.norm.weight", 0x7FC0, "NaN or infinity"),
        ("lm_head.weight", 0xFF80, "NaN or infinity"),
        ("model.layers.0.mlp.up_proj.weight", 0x4780, "too large for F16"),  # 65536
    ],
)
def test_values_that_cannot_be_written(
    checkpoint: Path,
    safetensors_file: type[Safetensors],
    tmp_path: Path,
    *,
    name: str,
    bits: int,
    problem: str,
) -> None:
    stored = safetensors_file.load(checkpoint / "model.safetensors")
    data = stored.data[name]
    stored.data[name] = data[:-2] + bits.to_bytes(2, "little")
    stored.save(checkpoint / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"{name} holds .*{problem}"):
        export(checkpoint, tmp_path / "out", llm_type="f16")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"llm_type": "q4_k"},
        {"mmproj_type": ""},
        {"model_version": "2.0"},
        {"name": "../escape"},
        {"name": ""},
        {"name": ".hidden"},
        {"revision": "a b"},
        {"min_pixels": 0},
        {"min_pixels": 2000, "max_pixels": 1000},
    ],
)
def test_impossible_options(
    synthetic: Callable[..., Path], tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(OptionError):
        export(synthetic(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("model.safetensors", "download the weights"),
        ("config.json", "cannot be read"),
        ("preprocessor_config.json", "missing"),
        ("tokenizer_config.json", "eos_token"),
    ],
)
def test_missing_files(checkpoint: Path, tmp_path: Path, missing: str, problem: str) -> None:
    (checkpoint / missing).unlink()
    with pytest.raises(CheckpointError, match=problem):
        export(checkpoint, tmp_path / "out")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere: not a folder"):
        export(tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "..", "a\\b", "", 5])
def test_index_cannot_point_outside_the_folder(
    synthetic: Callable[..., Path], tmp_path: Path, name: object
) -> None:
    folder = shutil.copytree(synthetic(n_shards=3), tmp_path / "ckpt")
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["lm_head.weight"] = name
    index.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="not a file name within the folder"):
        export(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("weight_map", "problem"),
    [
        (None, "weight_map is missing"),
        ({}, "weight_map is missing"),
        ({f"t{i}": f"{i}.safetensors" for i in range(1001)}, "1001 shards are over the limit"),
    ],
    ids=["none", "empty", "many"],
)
def test_index_that_is_none(
    synthetic: Callable[..., Path], tmp_path: Path, weight_map: object, problem: str
) -> None:
    folder = shutil.copytree(synthetic(n_shards=3), tmp_path / "ckpt")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match=rf"index\.json: {problem}"):
        export(folder, tmp_path / "out")


@pytest.mark.parametrize("file", ["chat_template.json", "tokenizer_config.json"])
def test_chat_template_in_older_places(
    checkpoint: Path, tmp_path: Path, read_back: Reader, file: str
) -> None:
    """It tells the version, so one that is overlooked would give another prompt."""
    (checkpoint / "chat_template.jinja").unlink()
    path = checkpoint / file
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content["chat_template"] = chat_template(ModelVersion.V1_0, "</s>")
    path.write_text(json.dumps(content), encoding="utf-8")
    metadata = read_back(export(checkpoint, tmp_path / "out").llm).metadata
    assert metadata["ppocrvl.model_version"] == "1.0"


def test_missing_shard_is_named(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(synthetic(n_shards=3), tmp_path / "ckpt")
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00003\.safetensors: cannot be read"):
        export(folder, tmp_path / "out")


def test_hash_of_shards_is_over_their_bytes_in_name_order(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader
) -> None:
    folder = synthetic(n_shards=3)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    result = export(folder, tmp_path)
    for path in (result.llm, result.mmproj):
        assert read_back(path).metadata["ppocrvl.source.sha256"] == digest.hexdigest()


@pytest.mark.parametrize(
    ("card", "key", "value"),
    [
        ("---\nlicense: apache-2.0\n---\n", "general.license", "apache-2.0"),
        ("---\nlanguage: [en, zh]\n---\n", "general.languages", ["en", "zh"]),
        ("no front matter", "general.name", "Tiny VL"),
    ],
)
def test_model_card_is_read(
    checkpoint: Path, tmp_path: Path, read_back: Reader, *, card: str, key: str, value: object
) -> None:
    (checkpoint / "README.md").write_text(card)
    result = export(checkpoint, tmp_path)
    assert read_back(result.llm).metadata[key] == value
    assert read_back(result.mmproj).metadata[key] == value


@pytest.mark.parametrize(
    "card",
    [
        b"---\n\xff\xfe\n---\n",
        b"---\n{unclosed\n---\n",
        b"---\nlicense: 5\n---\n",
        b"---\ntags: [1, 2]\n---\n",
        b"---\nname: {a: b}\n---\n",
        b'---\nname: "\\ud800"\n---\n',
        b"---\nbase_model: [[1]]\ndatasets: 3\n---\n",
    ],
)
def test_damaged_model_card_is_an_error_or_ignored(
    checkpoint: Path, tmp_path: Path, card: bytes
) -> None:
    (checkpoint / "README.md").write_bytes(card)
    with contextlib.suppress(CheckpointError):
        export(checkpoint, tmp_path / "out")


def test_sampling_settings_out_of_range(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "generation_config.json").write_text(json.dumps({"top_k": 10**30}))
    with pytest.raises(CheckpointError, match="top_k"):
        export(checkpoint, tmp_path / "out")


def test_progress_counts_to_the_end(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    result = export(synthetic(), tmp_path, progress=lambda *call: calls.append(call))
    for path in (result.llm, result.mmproj):
        steps = [(done, total) for name, done, total in calls if name == path.name]
        assert len(steps) > 10
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] <= path.stat().st_size
