# SPDX-License-Identifier: Apache-2.0
"""The numbers of PaddleX 3.7.2's layout pipeline, as one table.

Sources: configs/pipelines/PaddleOCR-VL{,-1.5,-1.6}.yaml, and the literals in
inference/models/layout_analysis/processors.py and inference/pipelines/paddleocr_vl/uilts.py.
Thresholds are in the model's file: `ppocrvl.exporter.layout.official` has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ppocrvl.layout.shapes import Corners

MergeMode: TypeAlias = Literal["union", "large", "small"]
"""Of a region within another: both stay; the outer one stays; the inner one stays."""

_MERGE_MODES: Mapping[str, MergeMode] = MappingProxyType(
    dict.fromkeys(
        ("chart", "display_formula", "doc_title", "inline_formula", "paragraph_title"), "large"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What is done with a model's candidates.

    Attributes:
        nms_same: of two regions of one class the weaker goes from this IoU on.
        nms_other: likewise of two classes.
        large_image_wide: an image region over this share of a page wider than high goes.
        large_image_high: likewise of other pages.
        merge_modes: by class of the outer region, for "small" of the inner one; "union" for others.
        contained: share of a region's area inside another from which on it is within it.
        unclip: by what width and height of boxes are multiplied, around their centres.
        dropped: classes that never become regions.
        least_side: pixels; narrower or lower regions go.
        formula_overlap: an inline formula of which more than this share is in another region, or
            in which that much of another one is, goes.
        overlap: of two regions that share more than this of the smaller one, the smaller one goes…
        apart: … unless their classes differ and one of them is one of these…
        apart_only: … but where one is a table, both must be.
        corners: whose rule makes polygons of masks.
    """

    nms_same: float = 0.6
    nms_other: float = 0.98
    large_image_wide: float = 0.82
    large_image_high: float = 0.93
    merge_modes: Mapping[str, MergeMode] = field(default_factory=lambda: _MERGE_MODES)
    contained: float = 0.9
    unclip: tuple[float, float] | Mapping[str, tuple[float, float]] = (1.0, 1.0)
    dropped: frozenset[str] = frozenset({"reference"})
    least_side: int = 6
    formula_overlap: float = 0.5
    overlap: float = 0.7
    apart: frozenset[str] = frozenset({"image", "table", "seal", "chart"})
    corners: Corners = "paddlex"


PIPELINES: Mapping[int, Pipeline] = MappingProxyType({2: Pipeline(), 3: Pipeline()})
"""By version of the model: V2 (PaddleOCR-VL 1.0) and V3 (1.5, 1.6) differ in thresholds alone."""
