# SPDX-License-Identifier: Apache-2.0
"""What made pages say is told as `ppocrvl parse` would tell it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import jsonschema
from tests.fonts import needs_fonts

from pages import truth
from pages.maker import make
from pages.sheet import Place, Region
from ppocrvl.document.tables import read_table
from ppocrvl.evaluation import read_documents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_fonts

BOX = (0, 0, 9, 9)


def test_a_table_is_told_cell_by_cell() -> None:
    region = Region("table", Place.BODY, BOX, cells=[["a", ""], ["c", "d & e"]])
    assert truth.answer(region) == "<fcel>a<ecel><nl><fcel>c<fcel>d & e<nl>"
    page = make("table")
    page.regions[:] = [region]
    (block,) = truth.document("x", [page]).blocks
    table = read_table(block.html or "")
    assert table is not None
    assert [cell.text for cell in table.cells] == ["a", "", "c", "d & e"]
    assert truth.words(page) == "a c d & e"


def test_words_in_their_order() -> None:
    page = make("words")
    page.regions[:] = [
        Region("header", Place.HEAD, BOX, ["Head"]),
        Region("text", Place.BODY, BOX, ["• one", r"two \(x^2\)"]),
        Region("footnote", Place.BODY, BOX, ["1 a note"]),
        Region("chart", Place.BODY, BOX, ["unread"]),
        Region("display_formula", Place.BODY, BOX, latex="a = b"),
        Region("formula_number", Place.BODY, BOX, ["(7)"]),
    ]
    assert truth.words(page) == "one two x^2 a = b (7) 1 a note"
    assert truth.words(page, frozenset()).startswith("Head one")


def test_the_script_writes_a_set(project_root: Path, tmp_path: Path) -> None:
    script = project_root / "scripts" / "make_pages.py"
    command = [sys.executable, str(script), "--out", str(tmp_path), "--count", "2", "--worn"]
    subprocess.run(command, check=True, capture_output=True)
    schema = json.loads((project_root / "docs" / "document.schema.json").read_text())
    items = read_documents(tmp_path)
    assert [item.document.name for item in items] == ["00000.png", "00001.png"]
    assert all(item.tags["worn"] == "yes" for item in items)
    for item in items:
        told = json.loads(item.document.with_suffix(".json").read_text(encoding="utf-8"))
        jsonschema.validate(told, schema)
        assert told["pages"][0]["blocks"]
        assert item.markdown
