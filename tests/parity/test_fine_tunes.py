# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as training tools leave them: exported, and at parity with what they came from."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import ExitCode
from ppocrvl.parity.made_images import made_image
from synthetic_checkpoint import SIZES, write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.reference, pytest.mark.slow]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in f32."""
    folder = tmp_path_factory.mktemp("original")
    write_synthetic_checkpoint(folder, SIZES["tiny"], dtype="f32")
    return folder


def check(checkpoint: Path, work: Path) -> None:
    """Export to f32 files and compare them with the checkpoint."""
    ppocrvl.export(checkpoint, work / "model", llm_type="f32", mmproj_type="f32")
    made_image(250, 70).save(work / "picture.png")
    command = ["parity", str(checkpoint), str(work / "model"), "--max-tokens", "8"]
    assert run_command([*command, "--image", str(work / "picture.png")]) == ExitCode.OK


@pytest.mark.parametrize("original_format", [True, False])
def test_saved_by_transformers_5(original: Path, tmp_path: Path, *, original_format: bool) -> None:
    """Nested config, and with `original_format=False` other tensor names; `size` for the limits."""
    import transformers

    saved = tmp_path / "saved"
    model = transformers.PaddleOCRVLForConditionalGeneration.from_pretrained(original)
    model.save_pretrained(saved, save_original_format=original_format)
    transformers.AutoTokenizer.from_pretrained(original).save_pretrained(saved)
    limits = json.loads((original / "preprocessor_config.json").read_text(encoding="utf-8"))
    low, high = limits.pop("min_pixels"), limits.pop("max_pixels")
    limits["size"] = {"shortest_edge": low, "longest_edge": high}
    (saved / "preprocessor_config.json").write_text(json.dumps(limits), encoding="utf-8")
    assert "text_config" in json.loads((saved / "config.json").read_text(encoding="utf-8"))
    names = set(load_file(saved / "model.safetensors"))
    assert any(name.startswith("model.visual.") for name in names) is not original_format
    check(saved, tmp_path)


def test_tied_embeddings(tmp_path: Path) -> None:
    tied = tmp_path / "tied"
    write_synthetic_checkpoint(tied, SIZES["tiny"], dtype="f32", tied_head=True)
    assert "lm_head.weight" not in load_file(tied / "model.safetensors")
    check(tied, tmp_path)


def test_faint_encoder_output(original: Path, tmp_path: Path) -> None:
    """Of so small a variance that the epsilon of the projector's norm decides."""
    faint = tmp_path / "faint"
    shutil.copytree(original, faint)
    tensors = load_file(faint / "model.safetensors")
    for part in ("weight", "bias"):
        tensors[f"visual.vision_model.post_layernorm.{part}"] *= np.float32(1e-2)
    save_file(tensors, faint / "model.safetensors", metadata={"format": "pt"})
    check(faint, tmp_path)


def test_one_more_tensor(original: Path, tmp_path: Path) -> None:
    """Such as the head that the model was pre-trained with, which nothing uses."""
    more = tmp_path / "more"
    shutil.copytree(original, more)
    tensors = load_file(more / "model.safetensors")
    tensors["visual.vision_model.head.probe"] = np.ones((1, 1, 8), np.float32)
    save_file(tensors, more / "model.safetensors", metadata={"format": "pt"})
    check(more, tmp_path)
