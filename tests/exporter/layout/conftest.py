# SPDX-License-Identifier: Apache-2.0
"""Synthetic layout checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ppocrvl.exporter.layout.synthetic import write_synthetic_layout

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE_SIZE = 160


@pytest.fixture(scope="session")
def layout_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes small checkpoints; the same arguments give the same folder, not to be changed."""
    made: dict[str, Path] = {}

    def make(size: str = "v3-small", **changes: Any) -> Path:
        key = json.dumps([size, changes], sort_keys=True)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("layout") / "Tiny-Layout"
            write_synthetic_layout(made[key], size, changes=changes, image_size=IMAGE_SIZE)
        return made[key]

    return make


@pytest.fixture
def layout_checkpoint(layout_checkpoints: Callable[..., Path], tmp_path: Path) -> Path:
    """A small V3 checkpoint of this test's own."""
    return Path(shutil.copytree(layout_checkpoints(), tmp_path / "Tiny-Layout"))


@pytest.fixture(params=["v3-small", "v2-small"])
def either_checkpoint(
    request: pytest.FixtureRequest, layout_checkpoints: Callable[..., Path]
) -> Path:
    """A small checkpoint of each version, not to be changed."""
    return layout_checkpoints(request.param)
