# SPDX-License-Identifier: Apache-2.0
"""What PaddleX's own functions make of 2,200 sets of regions: tests/layout/golden.npz.

    python3.11 -m venv GOLDEN && . GOLDEN/bin/activate
    pip install --no-deps paddlex==3.7.2 transformers==5.23.0
    pip install opencv-python-headless==4.10.0.84 shapely==2.2.0 "numpy<2.4" pillow gguf
    PYTHONPATH=python:scripts:. python scripts/make_layout_golden.py

The functions are taken out of the installed files by name: importing the packages would need
PaddlePaddle and PyTorch. 2,000 sets are random; 200 are the regions of painted pages (which needs
the fonts of docs/tiny-layout.md), moved and doubled as a model does.
"""

from __future__ import annotations

import ast
from copy import deepcopy
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from tests.layout.golden import FILE, Answer, packed_answers, packed_pages, unpacked_pages
from tests.layout.region_sets import N_RANDOM, Dice, RegionSet, random_set

from pages.maker import make
from ppocrvl.exporter.layout.official import LABELS, thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_PAGES = 200
MODELS = "paddlex/inference/models"
TRANSFORMERS = "transformers/models/pp_doclayout_v3/image_processing_pp_doclayout_v3.py"


def source(path: str) -> Path:
    """An installed file."""
    found = [f for f in files(path.partition("/")[0]) or () if str(f) == path]
    return Path(str(found[0].locate()))


class _Bare(ast.NodeTransformer):
    """Without decorators and annotations, whose names are not there."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list, node.bases = [], []
        self.generic_visit(node)
        return node


def definitions(path: str, names: dict[str, Any]) -> dict[str, Any]:
    """All functions and classes of a file."""
    tree = ast.parse(source(path).read_text(encoding="utf-8"))
    kept: list[ast.stmt] = []
    kept += [x for x in tree.body if isinstance(x, ast.FunctionDef | ast.ClassDef)]
    module = _Bare().visit(ast.Module(kept, []))
    exec(compile(ast.fix_missing_locations(module), path, "exec"), names)  # noqa: S102
    return names


def only(path: str, name: str, names: dict[str, Any], methods: tuple[str, ...] = ()) -> None:
    """One function or class of a file, of a class some methods."""
    tree = ast.parse(source(path).read_text(encoding="utf-8"))
    node = next(x for x in tree.body if getattr(x, "name", None) == name)
    if isinstance(node, ast.ClassDef):
        node.body = [x for x in node.body if getattr(x, "name", None) in methods]
    module = _Bare().visit(ast.Module([node], []))
    exec(compile(ast.fix_missing_locations(module), path, "exec"), names)  # noqa: S102


def official() -> tuple[Any, Any, Any]:
    """PaddleX's layout process, its filter of overlaps, and transformers' image processor."""
    names: dict[str, Any] = {"np": np, "cv2": cv2, "deepcopy": deepcopy, "SKIP_ORDER_LABELS": ()}
    for name in ("iou", "nms", "is_contained", "check_containment"):
        only(f"{MODELS}/object_detection/processors.py", name, names)
    definitions(f"{MODELS}/layout_analysis/processors.py", names)
    overlaps = dict(names)
    uilts = "paddlex/inference/pipelines/paddleocr_vl/uilts.py"
    for name in ("_compute_pairwise_overlap_small", "filter_overlap_boxes"):
        only(uilts, name, overlaps)
    methods = ("extract_custom_vertices", "_mask2polygon", "_extract_polygon_points_by_masks")
    only(TRANSFORMERS, "PPDocLayoutV3ImageProcessor", names, methods)
    return (
        names["LayoutAnalysisProcess"],
        overlaps["filter_overlap_boxes"],
        names["PPDocLayoutV3ImageProcessor"],
    )


def answer(one: RegionSet, functions: tuple[Any, Any, Any]) -> Answer:
    """PaddleX's answer to a set."""
    process, without_overlaps, processor = functions
    found, (width, height) = one.candidates, one.page_size
    assert found.masks is not None
    masks = np.array(found.masks)
    if len(found) == 0:  # it has no way to get there
        return Answer([], np.zeros((0, 4), np.int64), [])
    ids = [LABELS.index(label) for label in found.labels]
    rows = np.column_stack((ids, found.scores, found.boxes, found.order)).astype(np.float32)
    scale = [4 * s for s in masks.shape[:0:-1]]
    output: dict[str, Any] = {"boxes": rows}
    try:
        if one.corners == "paddlex":
            output["masks"] = masks
        else:
            ratio = [np.float64(scale[0] / width), np.float64(scale[1] / height)]
            output["polygon_points"] = processor()._extract_polygon_points_by_masks(  # noqa: SLF001
                found.boxes, masks, ratio
            )
        unclip = one.unclip
        boxes = process(list(LABELS), scale)(
            [output],
            [{"ori_img_size": one.page_size}],
            threshold=0.3 if one.version == 3 else dict(enumerate(thresholds(2, LABELS))),
            layout_nms=True,
            layout_unclip_ratio={LABELS.index(k): v for k, v in unclip.items()}
            if isinstance(unclip, dict)
            else unclip,
            layout_merge_bboxes_mode={
                i: one.merge_modes.get(label, "union") for i, label in enumerate(LABELS)
            },
            layout_shape_mode=one.mode,
            filter_overlap_boxes=False,
        )[0]
        left = without_overlaps({"boxes": list(boxes)}, one.mode)["boxes"]
    except (ZeroDivisionError, ValueError, IndexError) as error:
        return Answer([], np.zeros((0, 4), np.int64), [], type(error).__name__)
    scores = [float(score) for score in found.scores]
    return Answer(
        [scores.index(box["score"]) for box in left],
        np.array([box["coordinate"] for box in left], np.int64).reshape(-1, 4),
        [np.asarray(box.get("polygon_points", rectangle(box))) for box in left],
    )


def rectangle(box: dict[str, Any]) -> NDArray[np.float64]:
    """What we give where PaddleX gives no polygon."""
    x0, y0, x1, y1 = box["coordinate"]
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def page(number: int) -> tuple[tuple[int, int], list[str], NDArray[np.int64]]:
    """Regions of a painted page, moved a little, some doubled, some in another class."""
    painted, dice = make(f"golden {number}", decorated=False), Dice(f"model {number}")
    labels, boxes = [], []
    for region in painted.regions:
        assert region.box is not None
        for _ in range(1 + dice.odds(25) + dice.odds(8)):
            labels.append(dice.choose(LABELS) if dice.odds(10) else region.label)
            boxes.append([4 * int(v) + dice.roll(-30, 30) for v in region.box])
    return painted.image.size, labels, np.array(boxes)


def main() -> None:
    """Make the file."""
    functions = official()
    pages = packed_pages([page(number) for number in range(N_PAGES)])
    sets = [random_set(number) for number in range(N_RANDOM)] + unpacked_pages(pages)
    answers = [answer(one, functions) for one in sets]
    np.savez_compressed(FILE, allow_pickle=False, **packed_answers(answers), **pages)
    errors = [a.error for a in answers if a.error]
    n_regions = sum(len(a.indices) for a in answers)
    print(f"{FILE}: {len(answers)} sets, {n_regions} regions, {FILE.stat().st_size} bytes")
    print(f"PaddleX raised in {len(errors)} sets: {sorted(set(errors))}")


if __name__ == "__main__":
    main()
