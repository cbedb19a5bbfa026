# SPDX-License-Identifier: Apache-2.0
"""Pairs to quantize: the built-in model, and random weights of a shape that all rules apply to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ppocrvl
from synthetic_checkpoint import TINY, resized, write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def built_in(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model with bf16 files."""
    folder = tmp_path_factory.mktemp("built-in")
    ppocrvl.export(tiny_checkpoint, folder, name="tiny")
    return folder


@pytest.fixture(scope="session")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen decoder layers, of which eight query heads share a value head, as officially."""
    sizes = {"num_hidden_layers": 16, "num_attention_heads": 8, "num_key_value_heads": 1}
    checkpoint = tmp_path_factory.mktemp("deep") / "deep"
    shape = resized(TINY, {f"text.{name}": number for name, number in sizes.items()})
    write_synthetic_checkpoint(checkpoint, shape)
    ppocrvl.export(checkpoint, checkpoint.parent / "out")
    return checkpoint.parent / "out"
