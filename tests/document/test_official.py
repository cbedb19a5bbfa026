# SPDX-License-Identifier: Apache-2.0
"""Markdown and JSON as PaddleX 3.7.2 writes them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from tests.document.made import block, document, page, picture, table, two_pages

from ppocrvl.document.document import Document
from ppocrvl.document.types import Block, PageData
from ppocrvl.document.writers.paddlex import paddlex_page

HERE = Path(__file__).parent


def made(values: dict[str, Any], number: int, *, charts: bool) -> Block:
    """The block of a golden case."""
    label, text = values["label"], values["text"]
    is_chart = label == "chart" and charts
    shows = label in {"image", "seal", "header_image", "footer_image", "chart"} and not is_chart
    return Block(
        number,
        label,
        tuple(values["box"]),
        (0.0, 0.0, 0.0, 0.0),
        (),
        text="" if shows else text,
        html=text if label == "table" or is_chart else None,
        level=values["level"],
        pictures=(picture(),) if shows else (),
    )


def test_same_markdown_as_paddlex() -> None:
    cases = json.loads(gzip.decompress((HERE / "official_golden.json.gz").read_bytes()))
    assert len(cases) == 400
    for case in cases:
        blocks = tuple(
            made(one, number, charts=case["charts"]) for number, one in enumerate(case["blocks"])
        )
        ours = Document.of("a", 1, [PageData(0, 200, 400, 144.0, blocks=blocks)])
        assert ours.to_markdown(style="official", figures="files") == case["markdown"], case


def test_formulas_as_paddlex_spells_them() -> None:
    formula = block(0, "display_formula", "x", latex="x")
    text = block(1, "text", "a \\(b\\) $5")
    markdown = document(formula, text).to_markdown(style="official")
    assert markdown == " $$  x  $$ \n\na  $ b $ \\$5"


def test_pictures_of_the_same_place_do_not_overwrite_each_other(tmp_path: Path) -> None:
    pages = [
        page(block(0, "image", pictures=(picture(f"page-{n + 1}-image-1.jpg"),)), index=n)
        for n in range(2)
    ]
    paths = Document.of("a.pdf", 2, pages).save(tmp_path, style="official")
    name = "img_in_image_box_10_0_190_36"
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "a.md", f"imgs/{name}.jpg", f"imgs/{name}_page_2.jpg"
    ]  # fmt: skip
    assert f"imgs/{name}_page_2.jpg" in paths[0].read_text()


def test_page_as_json() -> None:
    values = paddlex_page(two_pages(), two_pages().pages[1])
    assert list(values) == [
        *("input_path", "page_index", "page_count", "width", "height", "model_settings"),
        *("parsing_res_list", "layout_det_res"),
    ]
    assert (values["page_index"], values["page_count"]) == (1, 4)
    assert values["model_settings"]["use_chart_recognition"]
    assert values["model_settings"]["markdown_ignore_labels"][:2] == ["number", "footnote"]
    blocks = values["parsing_res_list"]
    assert blocks[2] == {
        "block_label": "display_formula",
        "block_content": " $$  E = mc^2  $$ ",
        "block_bbox": [10, 80, 190, 116],
        "block_id": 2,
        "block_order": 3,
        "group_id": 2,
        "block_polygon_points": [[10.0, 80.0], [190.0, 80.0], [190.0, 116.0], [10.0, 116.0]],
    }
    assert [one["block_order"] for one in blocks] == [1, 2, 3, 4, *[None] * 3, 5, 6, 7, None, 8]
    assert blocks[6]["block_content"] == "Year|Sales\n2025|10\n2026|20"
    box = values["layout_det_res"]["boxes"][4]
    assert (box["cls_id"], box["label"], box["coordinate"]) == (21, "table", [10, 160, 190, 196])


def test_page_without_layout_has_no_boxes() -> None:
    one = document(block(0, "ocr", "x"))
    values = paddlex_page(one, one.pages[0])
    assert "layout_det_res" not in values
    assert not values["model_settings"]["use_layout_detection"]


def test_groups_keep_their_number() -> None:
    one = document(block(0, "text", "x"), block(1, "text", group=0), table(2, "<table></table>"))
    blocks = paddlex_page(one, one.pages[0])["parsing_res_list"]
    assert [one["group_id"] for one in blocks] == [0, 0, 2]
