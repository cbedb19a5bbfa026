# SPDX-License-Identifier: Apache-2.0
"""Writes paddlex_golden.json.gz: the schemas of PaddleX's server, and what it makes of pages.

    python -m venv px
    px/bin/pip install --no-deps paddlex==3.7.2
    px/bin/pip install pydantic beautifulsoup4 numpy pandas pillow scikit-learn
    px/bin/python tests/server/make_paddlex_golden.py px/lib/python3.*/site-packages/paddlex

With `--check FILE` it validates requests and answers of our server instead, which

    pytest tests/server/test_paddlex.py --basetemp /tmp/exchanges -k exchanges

leaves in /tmp/exchanges, by the pydantic models themselves. Of PaddleX those modules are loaded
that this takes; what they import besides is not there.
"""

from __future__ import annotations

import copy
import gzip
import importlib
import importlib.abc
import importlib.machinery
import json
import random
import sys
import types
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("paddlex_golden.json.gz")
N_CASES = 60
LABELS = (
    *("abstract", "chart", "display_formula", "doc_title", "figure_title", "footer", "footnote"),
    *("formula_number", "header", "image", "number", "paragraph_title", "seal", "text", "table"),
    *("table", "paragraph_title", "text"),
)
IGNORED = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]
PACKAGES = (
    "paddlex",
    "paddlex.inference",
    "paddlex.inference.common",
    "paddlex.inference.serving",
    "paddlex.inference.serving.infra",
    "paddlex.inference.pipelines",
    "paddlex.inference.pipelines.layout_parsing",
)
WANTED = (
    "paddlex.inference.common.result",
    "paddlex.inference.serving.schemas",
    "paddlex.inference.serving.infra.models",
    "paddlex.inference.pipelines.paddleocr_vl",
    "paddlex.inference.pipelines.layout_parsing.merge_table",
    "paddlex.inference.pipelines.layout_parsing.setting",
    "paddlex.inference.pipelines.layout_parsing.title_level",
    "paddlex.inference.pipelines.layout_parsing.utils",
)
TITLES = (
    "1 Introduction",
    "1.1 Methods",
    "2. Results",
    "Abstract",
    "REFERENCES",
    "A Title",
    "IV. X",
)
FORMULAS = (" $$ a^2 $$ ", " $$ \\\\frac{a}{b} $$ ")


class _Kind(type):
    """Of `Anything`: everything that one may ask of it is `Anything` again."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything

    def __call__(cls, *arguments: Any, **more: Any) -> Any:
        if cls is not Anything:
            return super().__call__(*arguments, **more)
        is_decorator = len(arguments) == 1 and callable(arguments[0]) and not more
        return arguments[0] if is_decorator else _Unchanged()


class _Unchanged:
    """A decorator that does nothing; where it was to be an answer, it is no."""

    def __call__(self, decorated: Any) -> Any:
        return decorated

    def __bool__(self) -> bool:
        return False


class Anything(metaclass=_Kind):
    """In place of what is imported and not used: a function, a decorator, a base class."""


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives modules of `Anything` for those of PaddleX that are not wanted."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        del path, target
        if name.startswith("paddlex.") and not name.startswith(WANTED):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: getattr(Anything, name)  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        del module


def install(root: Path) -> None:
    """Makes `paddlex` a package of what is wanted alone, without what its packages do first."""
    for name in PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    sys.meta_path.insert(0, Finder())


def models() -> dict[str, Any]:
    """The models of what is sent and answered, by the name of our tests for them."""
    infra = importlib.import_module("paddlex.inference.serving.infra.models")
    schemas = importlib.import_module("paddlex.inference.serving.schemas.paddleocr_vl")
    return {
        "layout-parsing request": schemas.InferRequest,
        "layout-parsing answer": infra.AIStudioResultResponse[schemas.InferResult],
        "restructure-pages request": schemas.RestructurePagesRequest,
        "restructure-pages answer": infra.AIStudioResultResponse[schemas.RestructurePagesResult],
        "failure": infra.AIStudioNoResultResponse,
    }


def random_page(source: random.Random, settings: dict[str, Any]) -> dict[str, Any]:
    """What an earlier answer has for a page."""
    blocks: list[dict[str, Any]] = []
    left = 100
    for number in range(source.randrange(7)):
        label = source.choice(LABELS)
        top = 40 * number
        width = source.choice((400, 400, 410, 700))
        height = source.choice((14, 20, 30))
        blocks.append(
            {
                "block_label": label,
                "block_content": content(source, label),
                "block_bbox": [left, top, left + width, top + height],
                "block_id": number,
                "block_order": None,
                "group_id": number,
            }
        )
        if source.random() < 0.5:
            blocks[-1]["block_polygon_points"] = [[left, top], [left + width, top + height]]
    return {
        "page_count": 3,
        "width": 1000,
        "height": 1400,
        "model_settings": settings,
        "parsing_res_list": blocks,
        "layout_det_res": {"boxes": [{"label": one["block_label"]} for one in blocks]},
    }


def random_settings(source: random.Random) -> dict[str, Any]:
    """Those of all pages of a document."""
    return {
        "use_doc_preprocessor": False,
        "use_layout_detection": True,
        "use_chart_recognition": source.random() < 0.5,
        "use_seal_recognition": source.random() < 0.5,
        "use_ocr_for_image_block": False,
        "format_block_content": False,
        "merge_layout_blocks": True,
        "markdown_ignore_labels": IGNORED if source.random() < 0.8 else ["text"],
    }


def content(source: random.Random, label: str) -> str:
    if label == "table":
        rows = source.randrange(1, 4)
        columns = source.choice((2, 2, 3))
        words = [[source.choice("abc") for _ in range(columns)] for _ in range(rows)]
        cells = ("".join(f"<td>{word}</td>" for word in row) for row in words)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    if label == "chart":
        return "Year|Sales\n2025|10"
    if label == "paragraph_title":
        return source.choice(TITLES)
    if label == "display_formula":
        return source.choice(FORMULAS)
    if label == "formula_number":
        return f"({source.randrange(9)})"
    return "" if label == "image" else source.choice(("Some text.", "two\nlines", "# a sharp one"))


def case(source: random.Random) -> dict[str, Any]:
    """A request and what PaddleX answers to it."""
    names = ("mergeTables", "relevelTitles", "concatenatePages", "prettifyMarkdown")
    options = {name: source.random() < 0.6 for name in names}
    options["showFormulaNumber"] = source.random() < 0.5
    settings = random_settings(source)
    pages = [random_page(source, dict(settings)) for _ in range(source.randrange(1, 5))]
    images = [{f"imgs/{number}.jpg": "AAAA"} for number in range(len(pages))]
    sent = [
        {"prunedResult": page, "markdownImages": shown}
        for page, shown in zip(pages, images, strict=True)
    ]
    request = {"pages": sent, "logId": "golden", **options}
    return {"request": request, "results": results(copy.deepcopy(pages), options)}


def results(pages: list[dict[str, Any]], options: dict[str, bool]) -> list[dict[str, Any]]:
    """JSON and Markdown of the pages that come of it."""
    pipeline = importlib.import_module("paddlex.inference.pipelines.paddleocr_vl.pipeline")
    given = [
        {"res": {**page, "input_path": "", "page_index": number}}
        for number, page in enumerate(pages)
    ]
    found = pipeline._PaddleOCRVLPipeline.restructure_pages(
        None,
        given,
        merge_tables=options["mergeTables"],
        relevel_titles=options["relevelTitles"],
        concatenate_pages=options["concatenatePages"],
    )
    answers = []
    for one in found:
        values = {k: v for k, v in one.json["res"].items() if k not in {"input_path", "page_index"}}
        markdown = one._to_markdown(
            pretty=options["prettifyMarkdown"], show_formula_number=options["showFormulaNumber"]
        )
        answers.append({"prunedResult": values, "text": markdown["markdown_texts"]})
    return answers


def check(folder: Path) -> None:
    """Validates what our server got and gave."""
    known, n_checked = models(), 0
    for path in sorted(folder.rglob("exchange-*.json")):
        exchange = json.loads(path.read_text())
        known[exchange["kind"]].model_validate(exchange["values"])
        n_checked += 1
    sys.stdout.write(f"{n_checked} requests and answers are as PaddleX has them\n")
    sys.exit(0 if n_checked else 1)


def main() -> None:
    root, *more = sys.argv[1:]
    install(Path(root))
    if more[:1] == ["--check"]:
        check(Path(more[1]))
    source = random.Random(7)
    golden = {
        "schemas": {name: model.model_json_schema() for name, model in models().items()},
        "cases": [case(source) for _ in range(N_CASES)],
    }
    TARGET.write_bytes(gzip.compress(json.dumps(golden).encode(), mtime=0))


if __name__ == "__main__":
    main()
