# SPDX-License-Identifier: Apache-2.0
"""Small models of random weights, whose answers are noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.models.folder import find_model
from ppocrvl.support.native import _native
from synthetic_checkpoint import SIZES, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.models.folder import ModelPaths


@dataclass(frozen=True)
class RandomModel:
    """A checkpoint in f32 and the pair of files exported from it."""

    checkpoint: Path
    llm: Path
    mmproj: Path

    def options(self, *, use_mmap: bool = True) -> _native.EngineOptions:
        return _native.EngineOptions(llm=str(self.llm), mmproj=str(self.mmproj), use_mmap=use_mmap)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> RandomModel:
    """An f32 pair, so that numbers can be compared closely."""
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    write_synthetic_checkpoint(checkpoint, SIZES["tiny"], dtype="f32")
    files = ppocrvl.export(
        checkpoint, tmp_path_factory.mktemp("pair"), llm_type="f32", mmproj_type="f32"
    )
    return RandomModel(checkpoint, files.llm, files.mmproj)


@pytest.fixture(scope="session")
def engine(random_model: RandomModel) -> Iterator[_native.Engine]:
    """The random model, loaded once."""
    loaded = _native.Engine(random_model.options())
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def endless(endless_model: Path) -> ModelPaths:
    """A pair whose answers go on for longer than any test waits."""
    return find_model(endless_model)


@pytest.fixture
def endless_engine(endless: ModelPaths) -> Iterator[_native.Engine]:
    """It, loaded for one test."""
    loaded = _native.Engine(_native.EngineOptions(llm=str(endless.llm), mmproj=str(endless.mmproj)))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def picture() -> npt.NDArray[np.uint8]:
    """Noise of 2 x 3 image tokens."""
    return np.random.default_rng(1).integers(0, 256, (56, 84, 3), dtype=np.uint8)
