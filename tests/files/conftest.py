# SPDX-License-Identifier: Apache-2.0
"""Small valid models for the tests of model files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl.exporter import export
from ppocrvl.models.folder import ModelPaths
from synthetic_checkpoint import write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelPaths:
    """A synthetic model with random weights."""
    folder = tmp_path_factory.mktemp("model")
    write_synthetic_checkpoint(folder / "checkpoint")
    files = export(folder / "checkpoint", folder, name="synthetic")
    return ModelPaths(files.llm, files.mmproj)


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelPaths:
    """The built-in model's files, as exported (the packaged bytes are the same)."""
    files = export(tiny_checkpoint, tmp_path_factory.mktemp("tiny"), name="tiny-en")
    return ModelPaths(files.llm, files.mmproj)
