# SPDX-License-Identifier: Apache-2.0
"""What PaddleX 3.7.2 makes of the inputs in tests/parsing/cases.py, for the tests to compare with.

    python -m venv px && px/bin/pip install --no-deps paddlex==3.7.2
    px/bin/pip install numpy pillow opencv-python-headless beautifulsoup4 scikit-learn pydantic
    px/bin/python scripts/make_parsing_golden.py

PaddleX need not be importable, nor is Paddle needed: single files of it are loaded, and of its
pipeline single methods are taken.
"""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.parsing import cases  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TARGET = ROOT / "tests" / "parsing" / "golden"
_BOTH = {"min_pixels": 112_896, "max_pixels": 1_003_520}


class Block:
    """Stands in for PaddleX's block."""

    def __init__(self, label: str, bbox: object, content: str = "", **_: object) -> None:
        self.label, self.bbox, self.content = label, bbox, content
        self.global_block_id = self.global_group_id = 0
        self.image = None


class Official:
    """The functions of PaddleX that are compared with."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("paddlex")
        if spec is None or spec.origin is None:
            sys.exit("paddlex is not installed; see the first lines of this file")
        self._pipelines = Path(spec.origin).parent / "inference" / "pipelines"
        for name in (
            "official",
            "official.paddleocr_vl",
            "official.layout_parsing",
            "official.ocr",
        ):
            self._stub(name)
        self._stub("official.components", convert_points_to_boxes=None)
        self._stub("official.ocr.result", OCRResult=None)
        self._load("layout_parsing", "setting")
        self.utils = self._load("layout_parsing", "utils")
        self.blocks = self._load("paddleocr_vl", "uilts")
        self.tables = self._load("layout_parsing", "merge_table")
        self.titles = self._load("layout_parsing", "title_level")
        pipeline = "paddleocr_vl/pipeline.py"
        known = {**vars(self.blocks), **vars(self.utils), "PaddleOCRVLBlock": Block}
        self.assemble = self._method(pipeline, "_paddleocr_vl_assemble_parsing_results", known)
        self.collect = self._method(pipeline, "_paddleocr_vl_collect_page_vlm_entries_core", known)
        crops = self._pipelines / "components" / "common" / "crop_image_regions.py"
        self.crop = self._method(crops, "__call__", {"cv2": cv2, "np": np})
        self.unordered = self._constant("paddleocr_vl/result.py", "SKIP_ORDER_LABELS")

    def _stub(self, name: str, **values: object) -> None:
        module = ModuleType(name)
        module.__path__ = []
        vars(module).update(values)
        sys.modules[name] = module

    def _load(self, room: str, name: str) -> Any:  # noqa: ANN401
        full = f"official.{room}.{name}"
        spec = importlib.util.spec_from_file_location(full, self._pipelines / room / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
        return module

    def _method(self, path: str | Path, name: str, known: dict[str, object]) -> Callable[..., Any]:
        """A method that makes no use of its object, without its decorators."""
        tree = ast.parse((self._pipelines / path).read_bytes())
        function = next(
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == name
        )
        function.decorator_list = []
        function.returns = None
        for argument in function.args.args:
            argument.annotation = None
        space: dict[str, Any] = dict(known)
        code = ast.fix_missing_locations(ast.Module([function], []))
        exec(compile(code, str(path), "exec"), space)  # noqa: S102 - the installed package's code
        return lambda *a, **k: space[name](None, *a, **k)

    def _constant(self, path: str, name: str) -> Any:  # noqa: ANN401
        tree = ast.parse((self._pipelines / path).read_bytes())
        return next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name
        )


def content_of(official: Official, label: str, text: str) -> str:
    """What the pipeline makes of an answer."""
    pixels = np.zeros((300, 200, 3), np.uint8)
    key = (1, 2)
    batch = {
        "vlm_results": [{"result": text}],
        "images": [pixels],
        "vlm_block_ids": [(0, 0)],
        "figure_token_maps": [{}],
        "curr_vlm_block_idx": 0,
    }
    block = {"img": pixels, "box": [0, 0, 200, 300], "label": label}
    results, _, _ = official.assemble([[block]], {key: batch}, {(0, 0): key}, set(), [])
    return str(results[0][0].content)


def answers(official: Official) -> Iterable[Any]:
    for case in cases.answers():
        short = official.blocks.truncate_repetitive_content(case.text, min_count=50)
        whole = content_of(official, case.label, case.text)
        yield [None if short == case.text else short, None if whole == short else whole]


def tables(official: Official) -> Iterable[Any]:
    for text in cases.tables():
        try:
            yield official.blocks.convert_otsl_to_html(text)
        except IndexError:
            yield None


def spots(official: Official) -> Iterable[Any]:
    for text in cases.spots():
        content, found = official.blocks.post_process_for_spotting(text, 200, 300)
        polygons = found["rec_polys"]
        yield [content, [[[round(x, 6), round(y, 6)] for x, y in one] for one in polygons]]


def layouts(official: Official) -> Iterable[Any]:
    apart = ["image", "header_image", "footer_image", "chart", "seal", "table"]
    for case in cases.layouts():
        blocks = [
            {"img": np.zeros((y1 - y0, x1 - x0, 3), np.uint8), "box": box, "label": label, "n": n}
            for n, (box, label) in enumerate(zip(case.boxes, case.labels, strict=True))
            for x0, y0, x1, y1 in [box]
        ]
        merged = official.blocks.merge_blocks(blocks, apart)
        groups: list[Any] = []
        for block in merged:
            if block["img"] is None:
                groups[-1][0].append(block["n"])
            else:
                groups.append([[block["n"]], block.get("merge_aligns") or []])
        yield groups


def outlines(official: Official) -> Iterable[Any]:
    for case in cases.outlines():
        width, height = case.size
        page = np.zeros((height, width, 3), np.uint8)
        box = {
            "cls_id": 0,
            "label": "text",
            "coordinate": [0, 0, width, height],
            "polygon_points": case.points,
        }
        (crop,) = official.crop(page, [box], "auto")
        inside = crop["img"][..., 0] == 0
        yield np.packbits(inside).tobytes().hex()


def paint(case: cases.Ink) -> np.ndarray:
    width, height = case.size
    pixels = np.full((height, width, 3), case.paper, np.uint8)
    for (x0, y0, x1, y1), colour in case.marks:
        pixels[y0:y1, x0:x1] = colour
    return pixels


def inks(official: Official) -> Iterable[Any]:
    for case in cases.inks():
        pixels = np.ascontiguousarray(paint(case)[..., ::-1])  # the official code works on BGR
        cut = official.blocks.crop_margin(pixels)
        if min(cut.shape[:2]) <= 2:  # the pipeline then takes the whole picture
            cut = pixels
        offset = cut.__array_interface__["data"][0] - pixels.__array_interface__["data"][0]
        y, x = divmod(offset // 3, pixels.shape[1])
        yield [x, y, x + cut.shape[1], y + cut.shape[0]]


def stacks(official: Official) -> Iterable[Any]:
    for case in cases.stacks():
        pictures = [np.full((h, w, 3), i, np.uint8) for i, (w, h) in enumerate(case.sizes)]
        canvas = official.blocks.merge_images(pictures, case.aligns)
        corners = [np.argwhere(canvas[..., 0] == i)[0] for i in range(len(pictures))]
        yield [[int(x), int(y)] for y, x in corners] + [list(canvas.shape[1::-1])]


def table_pages(official: Official) -> Iterable[Any]:
    for pages in cases.table_pages():
        blocks = [[Block(one.label, one.box, one.text) for one in page] for page in pages]
        for number, block in enumerate(block for page in blocks for block in page):
            block.global_block_id = block.global_group_id = number
        official.tables.merge_tables_across_pages(blocks)
        yield [
            [
                None if new.content == old.text else new.content
                for new, old in zip(a, b, strict=True)
            ]
            for a, b in zip(blocks, pages, strict=True)
        ]


def headings(official: Official) -> Iterable[Any]:
    for case in cases.headings():
        blocks = [Block("paragraph_title", list(one.box), one.text) for one in case]
        official.titles.assign_levels_to_parsing_res([blocks])
        heights = [official.titles.get_title_height(block) for block in blocks]
        classes = official.titles.cluster_global_heights([{"height": h} for h in heights])
        yield [[block.title_level for block in blocks], heights, sorted(classes.items())]


def figure_tokens(official: Official) -> Iterable[Any]:
    for n in range(1, 61):
        figures = [{"coordinate": (0, 0, 30, 30), "path": str(i)} for i in range(n)]
        table = np.zeros((30, 30, 3), np.uint8)
        _, names, _ = official.blocks.tokenize_figure_of_table(table, (0, 0, 30, 30), figures)
        yield sorted(names, key=lambda token: int(names[token]))


def questions(official: Official) -> Iterable[Any]:
    """Prompt and pixel limits of each label with all switches on and all off."""
    labels = sorted(set(cases.LABELS) | {"spotting", "footer_image", "formula"})
    tasks = ("ocr", "table", "chart", "formula", "seal")
    limits = {f"{task}_{end}": value for task in tasks for end, value in _BOTH.items()}
    images = ["image", "header_image", "footer_image"]
    for on in (False, True):
        settings = {
            **limits,
            "image_labels": [] if on else [*images, "chart", "seal"],
            "use_chart_recognition": on,
            "use_seal_recognition": on,
        }
        pixels = np.zeros((60, 60, 3), np.uint8)
        for label in labels:
            block = {"img": pixels, "label": label, "box": [0, 0, 60, 60]}
            entries, _, _ = official.collect(0, [block], [], settings)
            yield [on, label, [[entry[3], list(entry[4])] for entry in entries]]


def constants(official: Official) -> Iterable[Any]:
    yield sorted(official.unordered)


def main() -> None:
    """Write a file for each step."""
    official = Official()
    TARGET.mkdir(exist_ok=True)
    total = 0
    steps: tuple[Callable[[Official], Iterable[Any]], ...] = (
        answers, tables, spots, layouts, outlines, inks, stacks, table_pages, headings,
        figure_tokens, questions, constants,
    )  # fmt: skip
    for step in steps:
        random.seed(0)
        text = json.dumps(list(step(official)), ensure_ascii=False, separators=(",", ":"))
        data = gzip.compress(text.encode(), mtime=0)
        (TARGET / f"{step.__name__}.json.gz").write_bytes(data)
        total += len(data)
        print(f"{step.__name__}: {len(data):,} bytes")
    print(f"all: {total:,} bytes")


if __name__ == "__main__":
    main()
