# SPDX-License-Identifier: Apache-2.0
"""What a layout model's file says about what is done with its answers; docs/layout-format.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ppocrvl.layout.official import PIPELINES
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from pathlib import Path

    from ppocrvl.layout.official import Pipeline

_STRIDE = 4
"""Pixels of the model's input by one of its masks."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Options of a file.

    Attributes:
        pipeline: of its version, with the file's NMS.
        mask_grid: columns and rows of masks.
        snap_to_ink: whether boxes are drawn to the ink.
        cover_ink: whether ink in no region becomes one.
        order_columns: whether what stands higher in a column is read first.
    """

    pipeline: Pipeline
    mask_grid: tuple[int, int]
    snap_to_ink: bool
    cover_ink: bool
    order_columns: bool


def read_options(path: Path) -> FileOptions:
    """Reads them.

    Args:
        path: of a file that the extension has loaded, so that its keys were checked.
    """
    keys: dict[str, Any] = _native.read_gguf(str(path)).metadata

    def number(key: str) -> float:
        return float(keys[f"ppdoclayout.{key}"])

    pipeline = PIPELINES[int(number("version"))]
    if "ppdoclayout.region.nms_iou" in keys:
        iou = number("region.nms_iou")
        pipeline = replace(pipeline, nms_same=iou, nms_other=iou)
    return FileOptions(
        pipeline,
        (int(number("image.width")) // _STRIDE, int(number("image.height")) // _STRIDE),
        snap_to_ink=bool(keys.get("ppdoclayout.region.snap_to_ink", False)),
        cover_ink=bool(keys.get("ppdoclayout.region.cover_ink", False)),
        order_columns=bool(keys.get("ppdoclayout.region.order_columns", False)),
    )
