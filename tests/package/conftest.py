# SPDX-License-Identifier: Apache-2.0
"""A model that never ends by itself, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.export.synthetic import SIZES, write_synthetic_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of random weights: its answers are noise, and go on until `max_tokens`."""
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    folder = tmp_path_factory.mktemp("endless")
    write_synthetic_checkpoint(checkpoint, SIZES["tiny"])
    ppocrvl.export(checkpoint, folder)
    return folder


@pytest.fixture(scope="session")
def engine(endless_model: Path) -> Iterator[ppocrvl.Engine]:
    """The endless model, loaded once."""
    with ppocrvl.Engine(endless_model) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def picture() -> npt.NDArray[np.uint8]:
    """Noise, uint8 [56, 140, 3]."""
    return np.random.default_rng(3).integers(0, 256, (56, 140, 3), dtype=np.uint8)
