# SPDX-License-Identifier: Apache-2.0
"""config.json, preprocessor_config.json, and the model version."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppocrvl.errors import CheckpointError, OptionError
from ppocrvl.exporter import export
from ppocrvl.exporter.config import parse_config
from ppocrvl.exporter.json_file import read_json_object
from ppocrvl.exporter.preprocessor import parse_preprocessor, stored_pixels
from ppocrvl.exporter.version import ModelVersion, detect_version
from synthetic_checkpoint import TINY, _config_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.exporter.conftest import Reader

FLAT = _config_json(TINY, "original", "bf16")
NESTED = _config_json(TINY, "transformers5", "bf16")


def test_flat_and_nested_say_the_same() -> None:
    assert "text_config" in NESTED
    assert "hidden_size" in FLAT
    assert parse_config(FLAT, "c") == parse_config(NESTED, "c") == TINY


def changed(key: str, value: object) -> dict[str, Any]:
    """FLAT with one value changed (`...` removes it); a dot leads into an inner object."""
    config = copy.deepcopy(FLAT)
    *path, last = key.split(".")
    inner = config
    for part in path:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("model_type", "qwen2_vl", "only 'paddleocr_vl'"),
        ("hidden_size", ..., "hidden_size must be an integer, found None"),
        ("hidden_size", "256", "hidden_size must be an integer, found '256'"),
        ("hidden_size", True, "hidden_size must be an integer"),
        ("hidden_size", 0, "outside 1 to"),
        ("num_hidden_layers", 10**9, "outside 1 to 128"),
        ("vocab_size", 1 << 40, "outside"),
        ("rms_norm_eps", float("nan"), "must be a number"),
        ("rms_norm_eps", 10**400, "must be a number"),
        ("rope_theta", -1, "outside"),
        ("rope_theta", ..., "rope_theta must be a number"),
        ("num_key_value_heads", 3, "cannot share"),
        ("head_dim", 64, "must sum to half of head_dim 64"),
        ("rope_scaling", None, "mrope_section is missing"),
        ("rope_scaling.mrope_section", [16, 24], "three small integers"),
        ("rope_scaling.mrope_section", [16, 24, -24], "three small integers"),
        ("rope_scaling.rope_type", "yarn", "rope_type is 'yarn'"),
        ("hidden_act", "gelu", "hidden_act is 'gelu'"),
        ("use_bias", True, "use_bias is True"),
        ("vision_config", None, "vision_config is missing"),
        ("vision_config.hidden_act", "gelu", r"vision_config\.hidden_act is 'gelu'"),
        ("vision_config.num_channels", 1, "num_channels is 1"),
        ("vision_config.spatial_merge_size", 4, "spatial_merge_size is 4"),
        ("vision_config.hidden_size", 200, "multiple of 4"),
        ("vision_config.image_size", 10, "smaller than one patch"),
        ("vision_config.layer_norm_eps", "x", "must be a number"),
    ],
)
def test_unusable_configurations(key: str, value: object, problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem) as error:
        parse_config(changed(key, value), "some/config.json")
    assert str(error.value).startswith("some/config.json: ")


ANYTHING = st.sampled_from(
    [None, True, 0, -1, 1, 3, 7, 255, 2**31, 2**70, 0.5, 1e308, "x", "", [], [1], {}, {"a": 1}]
)


@settings(max_examples=120)
@given(st.dictionaries(st.sampled_from(sorted({*FLAT, *FLAT["vision_config"]})), ANYTHING))
def test_any_values_are_refused_or_make_sense(changes: dict[str, Any]) -> None:
    vision = {**FLAT["vision_config"], **changes}
    for config in ({**FLAT, **changes}, {**FLAT, "vision_config": vision}):
        try:
            parsed = parse_config(config, "c")
        except CheckpointError:
            continue
        assert parsed.text.hidden_size > 0
        assert parsed.vision.num_positions > 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 10**5, b"3"])
def test_config_that_is_no_json_object(checkpoint: Path, tmp_path: Path, content: bytes) -> None:
    (checkpoint / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json: (not valid JSON|a JSON object)"):
        export(checkpoint, tmp_path / "out")


def test_absurdly_large_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b" " * 100)
    with pytest.raises(CheckpointError, match="larger than 99 bytes"):
        read_json_object(tmp_path / "config.json", 99)


@pytest.mark.parametrize(
    "pixels",
    [
        {"min_pixels": 100, "max_pixels": 900},
        {"size": {"min_pixels": 100, "max_pixels": 900}},
        {"size": {"shortest_edge": 100, "longest_edge": 900}},
        {"min_pixels": 100, "max_pixels": 900, "size": {"min_pixels": 1, "max_pixels": 2}},
    ],
)
def test_spellings_of_the_pixel_limits(pixels: dict[str, Any]) -> None:
    assert stored_pixels(pixels) == (100, 900)


@pytest.mark.parametrize("pixels", [{}, {"min_pixels": 1}, {"size": 384}, {"size": {"height": 4}}])
def test_no_pixel_limits(pixels: dict[str, Any]) -> None:
    assert stored_pixels(pixels) is None


HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


@pytest.mark.parametrize(
    ("pixels", "spotting", "others"),
    [
        ((112896, 1003520), (112896, 1605632), (112896, 1003520)),
        ((147384, 2822400), (112896, 1605632), (112896, 1003520)),
        ((784, 250000), (784, 400000), (784, 250000)),
    ],
)
def test_limits_per_task(
    pixels: tuple[int, int], spotting: tuple[int, int], others: tuple[int, int]
) -> None:
    limits = parse_preprocessor(HALVES, Path("p"), pixels).task_pixels()
    assert limits.pop("spotting") == spotting
    assert limits == dict.fromkeys(("ocr", "table", "formula", "chart", "seal"), others)


@pytest.mark.parametrize(
    ("changes", "pixels", "problem"),
    [
        ({}, (0, 100), "not a range"),
        ({}, (200, 100), "not a range"),
        ({}, (1, 1 << 40), "not a range"),
        ({}, (1, 10_240 * 784 + 1), "not a range"),
        ({}, (1_024 * 784 + 1, 10_240 * 784), "not a range"),
        ({"image_std": [0.5, 0, 0.5]}, (1, 2), "must be at least 1e-06"),
        ({"image_mean": [0.5]}, (1, 2), "three numbers"),
        ({"image_mean": [0.5, 0.5, float("nan")]}, (1, 2), "three numbers"),
        ({"image_mean": None}, (1, 2), "three numbers"),
    ],
)
def test_unusable_preprocessors(
    changes: dict[str, Any], pixels: tuple[int, int], problem: str
) -> None:
    with pytest.raises(CheckpointError, match=problem):
        parse_preprocessor({**HALVES, **changes}, Path("p"), pixels)


def test_preprocessor_inside_processor_config(checkpoint: Path, tmp_path: Path) -> None:
    path = checkpoint / "preprocessor_config.json"
    expected = export(checkpoint, tmp_path / "a").mmproj.read_bytes()
    content = json.loads(path.read_text())
    path.unlink()
    (checkpoint / "processor_config.json").write_text(json.dumps({"image_processor": content}))
    assert export(checkpoint, tmp_path / "b").mmproj.read_bytes() == expected


OF_1_0 = "3085f1042e184f68f8a412aa0f64f2c4b8562989598bbfba326aaa11fc685de8"
OF_1_5 = "d557c9d8997ae57ed3b1b33bdf347be878cc335687f32ca105341c16973f8958"
SPACE = '{%- if add_generation_prompt -%}{{- "Assistant: " -}}{%- endif -%}'
NEWLINE = '{%- if add_generation_prompt -%}{{- "Assistant:\\n" -}}{%- endif -%}'


@pytest.mark.parametrize(
    ("sha256", "template", "pixels", "version"),
    [
        (OF_1_5, SPACE, (147384, 2822400), "1.5"),
        (OF_1_0, NEWLINE, None, "1.0"),
        ("", SPACE, (112896, 1003520), "1.0"),
        ("", NEWLINE, (147384, 2822400), "1.6"),
        ("", None, (147384, 2822400), "1.0"),
        ("", None, (112896, 1003520), "1.6"),
        ("", None, None, "1.6"),
    ],
)
def test_version_is_told(
    sha256: str, template: str | None, pixels: tuple[int, int] | None, version: str
) -> None:
    assert detect_version(sha256, template, pixels) is ModelVersion(version)


def test_unknown_version() -> None:
    with pytest.raises(OptionError, match=r"'1\.7' is not one of 1\.0, 1\.5, 1\.6"):
        ModelVersion.parse("1.7")


@pytest.mark.parametrize("version", ["1.0", "1.6"])
def test_version_of_a_checkpoint(
    synthetic: Callable[..., Path], tmp_path: Path, read_back: Reader, version: str
) -> None:
    """Once by the template in the checkpoint, once by pixel limits alone, once by the option."""
    folder = synthetic(version=ModelVersion(version))
    first = read_back(export(folder, tmp_path / "a").llm).metadata
    assert first["ppocrvl.model_version"] == version
    said = read_back(export(folder, tmp_path / "b", model_version="1.5").mmproj).metadata
    assert said["ppocrvl.model_version"] == "1.5"
    limits = (147384, 2822400) if version == "1.0" else (112896, 1003520)
    keys = ("clip.vision.image_min_pixels", "clip.vision.image_max_pixels")
    assert tuple(said[key] for key in keys) == limits
