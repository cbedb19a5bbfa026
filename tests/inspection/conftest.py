# SPDX-License-Identifier: Apache-2.0
"""A small synthetic model, as a checkpoint and as files."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING

import pytest

import synthetic_checkpoint as synthetic
from ppocrvl.exporter import export

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint."""
    folder = tmp_path_factory.mktemp("tiny-checkpoint")
    synthetic.write_synthetic_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def model(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder with two bf16 files."""
    folder = tmp_path_factory.mktemp("tiny-model")
    export(checkpoint, folder, name="tiny")
    return folder


@pytest.fixture(scope="session")
def official_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the official model's tensors, whose weights are a hole in the file."""
    folder = tmp_path_factory.mktemp("official-size")
    synthetic.write_synthetic_checkpoint(folder)  # for the files beside the weights
    header, offset = {}, 0
    for tensor in synthetic._tensors(synthetic.FULL, tied_head=False):
        end = offset + 2 * math.prod(tensor.shape)
        header[tensor.name] = {
            "dtype": "BF16",
            "shape": tensor.shape,
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    config = synthetic._config_json(synthetic.FULL, "original", "bf16")
    (folder / "config.json").write_text(json.dumps(config))
    return folder
