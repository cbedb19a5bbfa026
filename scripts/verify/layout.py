# SPDX-License-Identifier: Apache-2.0
"""The layout model: pulled, exported, beside its own implementation, and on the drawn pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import ppocrvl
from ppocrvl.images.load import load_image
from ppocrvl.models.folder import find_layout
from ppocrvl.parity.layout.reference import LayoutReference
from ppocrvl.parity.layout.run import check_page, passed, share_of_same_regions, summary, to_json
from ppocrvl.parity.made_images import made_page
from ppocrvl.support.native import _native
from verify.files import hashes, pull_source
from verify.work import DiffersError, SkippedError

if TYPE_CHECKING:
    from verify.work import Work

_FILES = (".json", ".safetensors")


def pull(work: Work) -> dict[str, Any]:
    """The weights, with both configurations."""
    if work.release.layout is None:
        raise SkippedError(f"no layout model of version {work.release.version} is pinned")
    return pull_source(work.release.layout, work.layout_checkpoint, _FILES)


def export(work: Work) -> dict[str, Any]:
    """In f32."""
    ppocrvl.export_layout(work.layout_checkpoint, work.layout)
    return hashes(work.layout)


def compare_with_reference(work: Work) -> dict[str, Any]:
    """All stages of one page, and the regions of some."""
    reference = LayoutReference(work.layout_checkpoint, "float32")
    exact = LayoutReference(work.layout_checkpoint, "float64")
    model = _model(work)
    reports = [
        check_page(model, f"page-{i}", made_page(i), reference, exact if i == 0 else None)
        for i in range(work.n_pictures)
    ]
    share = share_of_same_regions(reports)
    values = {
        "reference": reference.version,
        "same regions": share,
        "summary": "; ".join(summary(reports)),
        "pages": [to_json(report) for report in reports],
    }
    if not passed(reports):
        failed = [one.name for one in reports if not one.passed]
        raise DiffersError(
            f"{share:.2%} of the regions are the same, stages differ on {failed or 'no page'}",
            values,
        )
    return values


def find_regions(work: Work) -> dict[str, Any]:
    """What it sees on the first drawn page, for a person to look at."""
    path = min(work.pages.glob("*.png"))
    model = _model(work)
    found = model.run(np.asarray(load_image(path)))
    labels, thresholds = model.labels, model.thresholds
    regions = [
        {"label": labels[label], "score": float(score), "box": [round(side) for side in box]}
        for label, score, box in zip(
            found["labels"], found["scores"], found["boxes"].tolist(), strict=True
        )
        if score >= thresholds[label]
    ]
    return {"image": path.name, "regions": regions}


def _model(work: Work) -> _native.LayoutModel:
    return _native.LayoutModel(str(find_layout(layout=work.layout)), work.threads)
