# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - Chinese brackets are meant
"""Writes official_golden.json.gz: random blocks, and the Markdown that PaddleX makes of them.

    python -m venv px && px/bin/pip install --no-deps paddlex==3.7.2
    px/bin/python tests/document/make_official_golden.py px/lib/python3.*/site-packages/paddlex

The two modules that write Markdown are loaded by themselves: they need nothing else of PaddleX.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
import sys
import types
from pathlib import Path
from typing import Any

N_DOCUMENTS = 400
LABELS = (
    *("abstract", "algorithm", "aside_text", "chart", "content", "display_formula", "doc_title"),
    *("figure_title", "footer", "footer_image", "footnote", "formula_number", "header"),
    *("header_image", "image", "inline_formula", "number", "paragraph_title", "reference"),
    *("reference_content", "seal", "table", "text", "vertical_text", "vision_footnote"),
)
IGNORED = ("number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text")
PIECES = (
    *("Abstract", "abstract", "REFERENCES", "References", "1.2.3 Title", "IV. Results", "（二）"),
    *(
        "第",
        "一、",
        "word",
        "of-\n",
        "\n",
        "\n\n",
        " ",
        "(3) x",
        "2",
        "3.",
        "*a*",
        "a|b",
        "摘要",
        ".",
    ),
)


def load(root: Path, name: str) -> Any:
    """A module of PaddleX's converters by itself."""
    path = root / "inference/common/result/converter" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"converter.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"converter.{name}"] = module
    spec.loader.exec_module(module)
    return module


def random_blocks(rng: random.Random) -> list[dict[str, Any]]:
    """Blocks of a page."""
    blocks = []
    for n in range(rng.randint(1, 8)):
        label = rng.choice(LABELS)
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 8)))
        if label == "table":
            text = f'<table><tr><td>{rng.randint(0, 9)}</td><td colspan="2">x</td></tr></table>'
        if label in {"image", "seal", "header_image", "footer_image"}:
            text = ""
        box = [rng.randint(0, 50), 10 * n, rng.randint(60, 200), 10 * n + 9]
        level = rng.choice([None, 1, 2, 3]) if label == "paragraph_title" else None
        blocks.append({"label": label, "text": text, "box": box, "level": level})
    return blocks


def official(converters: tuple[Any, Any], blocks: list[dict[str, Any]], *, charts: bool) -> str:
    """What PaddleX writes, its functions put together as its PaddleOCRVLResult does."""
    functions, converter = converters
    objects = []
    for block in blocks:
        one = types.SimpleNamespace(
            label=block["label"], content=block["text"], bbox=block["box"], image=None
        )
        if block["level"] is not None:
            one.title_level = block["level"]
        if block["label"] in {"image", "seal", "header_image", "footer_image"} or (
            block["label"] == "chart" and not charts
        ):
            place = "_".join(map(str, block["box"]))
            one.image = {"path": f"imgs/img_in_{block['label']}_box_{place}.jpg", "img": None}
        objects.append(one)

    def centred(block: Any) -> str:
        return str(functions.format_centered_by_html(functions.format_text_plain(block)))

    def picture(block: Any) -> str:
        image = functions.format_image_scaled_by_html(block, original_image_width=200)
        return str(functions.format_centered_by_html(image))

    handlers = functions.build_handle_funcs_dict(
        text_func=centred,
        image_func=picture,
        chart_func=functions.format_chart2html_table if charts else picture,
        table_func=lambda block: "\n" + functions.format_table_center(block),
        formula_func=lambda block: block.content,
        seal_func=picture,
    )
    for label in IGNORED:
        handlers.pop(label)
    return str(
        converter.MarkdownConverter.convert(objects, handle_funcs_dict=handlers)["markdown_texts"]
    )


def main() -> None:
    """Write the file."""
    root = Path(sys.argv[1])
    sys.modules["converter"] = types.ModuleType("converter")
    sys.modules["converter"].__path__ = []
    functions = load(root, "markdown_format_funcs")
    converters = functions, load(root, "markdown_converter")
    rng = random.Random(7)
    cases = []
    for number in range(N_DOCUMENTS):
        blocks, charts = random_blocks(rng), number % 2 == 1
        markdown = official(converters, blocks, charts=charts)
        cases.append({"blocks": blocks, "charts": charts, "markdown": markdown})
    target = Path(__file__).with_name("official_golden.json.gz")
    data = json.dumps(cases, ensure_ascii=False, separators=(",", ":")).encode()
    target.write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main()
