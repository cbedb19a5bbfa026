# SPDX-License-Identifier: Apache-2.0
"""An engine that never ends by itself, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt


@pytest.fixture(scope="session")
def engine(endless_model: Path) -> Iterator[ppocrvl.Engine]:
    """The endless model, loaded once."""
    with ppocrvl.Engine(endless_model) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def picture() -> npt.NDArray[np.uint8]:
    """Noise, uint8 [56, 140, 3]."""
    return np.random.default_rng(3).integers(0, 256, (56, 140, 3), dtype=np.uint8)
