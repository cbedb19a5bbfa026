# SPDX-License-Identifier: Apache-2.0
"""A layout model with random weights, small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl.exporter.layout.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def layout_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights; of its 100 queries some have scores over the thresholds."""
    folder = tmp_path_factory.mktemp("layout") / "random"
    write_synthetic_layout(folder, image_size=128)
    return export_layout(folder, folder.parent)


@pytest.fixture(scope="session")
def helpful_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, without masks, and with all options of a file for small models."""
    folder = tmp_path_factory.mktemp("helpful") / "helpful"
    ours = {"masks": False, "thresholds": [0.5], "cover_ink": True, "snap_to_ink": True}
    ours |= {"order_columns": True, "nms_iou": 0.5}
    changes = {"mask_enhanced": False, "ppocrvl_layout": ours}
    write_synthetic_layout(folder, changes=changes, image_size=128)
    return export_layout(folder, folder.parent)
