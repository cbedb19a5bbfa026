# SPDX-License-Identifier: Apache-2.0
"""Documents: values for JSON, text, tables, drawings, files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.document.made import block, document, page, picture, table, two_pages

from ppocrvl.document.document import Document, Page, file_stem
from ppocrvl.document.draw import drawn_page
from ppocrvl.document.tables import MAX_PLACES, TablePicture, read_table, table_of
from ppocrvl.document.types import PageData
from ppocrvl.document.values import document_values
from ppocrvl.document.writers.formats import FORMATS, Format, format_named
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.errors import MissingExtraError, OptionError, OutputError
from ppocrvl.images.drawing import colour_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def schema(project_root: Path) -> dict[str, Any]:
    """The published one."""
    text = (project_root / "docs" / "document.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_json_is_what_the_schema_says(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for one in (two_pages(), document(), document(block(0, "text"))):
        validator.validate(json.loads(one.to_json()))
        assert json.loads(one.to_json()) == one.to_dict()


def keys(values: object) -> set[str]:
    """All keys at any depth."""
    if isinstance(values, dict):
        return set(values).union(*map(keys, values.values()))
    return set().union(*map(keys, values)) if isinstance(values, list) else set()


def test_schema_describes_all_there_is(schema: dict[str, Any]) -> None:
    described = set(schema["properties"])
    for one in schema["$defs"].values():
        described |= set(one.get("properties", ()))
        assert set(one.get("required", ())) == set(one.get("properties", ())) - {"image", "data"}
    assert keys(two_pages().to_dict()) == described - {"image", "data"}
    shown = replace(two_pages().pages[0], image=picture())
    whole = replace(two_pages(), pages=(shown, *two_pages().pages[1:]))
    assert keys(document_values(whole, with_bytes=True)) == described


def test_schema_refuses_what_is_none(schema: dict[str, Any]) -> None:
    values = two_pages().to_dict()
    values["pages"][0]["blocks"][0]["source"] = "guess"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, schema)


def test_page_alone() -> None:
    one = two_pages().pages[1]
    assert isinstance(one, PageData)
    assert Page.of(one) is one
    assert one.to_dict() == two_pages().to_dict()["pages"][1]
    assert one.to_markdown().startswith("animals.")
    assert str(one) == one.to_markdown()
    assert one.to_text().startswith("animals.")
    assert "<title>page 2</title>" in one.to_html()
    assert json.loads(one.to_json())["pages"][0]["index"] == 1


def test_text() -> None:
    text = two_pages().to_text()
    first, second, failed = text.split("\f")
    assert first.startswith("On Cats and Dogs\n\nAbstract We look at cats.\n\n1. Introduction\n\n")
    assert "They are\nanimals." in first
    assert "E = mc^2\t(3)\n\nName\tPrice\nNut\t$2 \\(x|y\\)\n\nBoth\t\n1\t2 < 3\n" in second
    assert failed == ""
    assert "Journal" not in text
    assert "Journal" in two_pages().to_text(leave_out=())


def test_tables_as_csv(tmp_path: Path) -> None:
    paths = two_pages().save(tmp_path, ["csv"])
    assert [path.name for path in paths] == [f"paper-page-2-table-{n}.csv" for n in (1, 2, 3)]
    read = [list(csv.reader(io.StringIO(path.read_text()))) for path in paths]
    assert read == [
        [["Name", "Price"], ["Nut", "$2 \\(x|y\\)"]],
        [["Both", ""], ["1", "2 < 3"]],
        [["Year", "Sales"], ["2025", "10"], ["2026", "20"]],
    ]


def test_places_of_cells() -> None:
    html = (
        '<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td colspan=2>c<br>d</td></tr>'
        '<tr></tr><tr><th>e<img src="p.jpg"></th></tr></table><table><tr><td>no</td></tr></table>'
    )
    found = read_table(html)
    assert found is not None
    assert (found.n_rows, found.n_columns) == (4, 3)
    assert [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in found.cells] == [
        (0, 0, 2, 1), (0, 1, 1, 1), (1, 1, 1, 2), (3, 0, 1, 1)
    ]  # fmt: skip
    assert [cell.text for cell in found.cells] == ["a", "b", "c\nd", "e"]
    assert found.cells[3].content == ("e", TablePicture("p.jpg"))
    assert found.cells[3].head
    assert read_table("<table></table>") is None
    assert read_table("no table") is None
    assert table_of(block(0, "text", "x")) is None


SPANS = st.integers(-1, 4) | st.sampled_from([70_000, 2000])
CELLS = st.lists(st.lists(st.tuples(SPANS, SPANS, st.text(max_size=5)), max_size=4), max_size=4)


@settings(max_examples=40)
@given(CELLS)
def test_no_place_of_a_table_is_taken_twice(rows: list[list[tuple[int, int, str]]]) -> None:
    inside = "".join(
        "<tr>"
        + "".join(f'<td rowspan="{a}" colspan="{b}">{escape(text)}</td>' for a, b, text in row)
        + "</tr>"
        for row in rows
    )
    found = read_table(f"<table>{inside}</table>")
    if found is None:
        assert not any(rows)
        return
    assert len(found.cells) == sum(map(len, rows))
    taken = np.zeros((found.n_rows, found.n_columns), int)
    for cell in found.cells:
        end = cell.row + cell.row_span, cell.column + cell.column_span
        assert end[0] <= found.n_rows
        taken[cell.row : end[0], cell.column : end[1]] += 1
    assert taken.max() == 1


def test_spans_ask_for_no_memory() -> None:
    row = '<tr><td rowspan="65000" colspan="1000">x</td></tr>'
    found = read_table(f"<table>{row * 800}</table>")
    assert found is not None
    assert sum(cell.row_span * cell.column_span for cell in found.cells) < MAX_PLACES + 800


def test_drawing_shows_the_blocks() -> None:
    paper = io.BytesIO()
    Image.new("RGB", (200, 400), "white").save(paper, "PNG")
    blocks = (block(2, "table"), block(5, "text"))
    drawn = np.asarray(Image.open(io.BytesIO(drawn_page(paper.getvalue(), (200, 400), blocks))))
    assert drawn.shape == (400, 200, 3)
    for one in blocks:
        x0, y0, x1, y1 = one.box
        edge = drawn[(y0 + y1) // 2, x1 - 2 : x1 + 3].min(axis=0).astype(int)
        assert np.abs(edge - colour_of(one.label)).max() < 100
        assert (drawn[y0 - 12 : y0, x0 : x0 + 40] < 200).any()  # its label stands above it
    assert drawn[5, 195].tolist() == [255, 255, 255]
    smaller = drawn_page(paper.getvalue(), (100, 200), ())
    assert Image.open(io.BytesIO(smaller)).size == (100, 200)


INSTALLED = [one for one in FORMATS.values() if one.needs is None or find_spec(one.needs)]


def test_every_format_gives_files(tmp_path: Path) -> None:
    paths = two_pages().save(tmp_path, [one.name for one in INSTALLED])
    names = {path.relative_to(tmp_path).as_posix() for path in paths}
    assert {"paper.md", "paper.json", "paper.html", "paper.txt"} <= names
    assert {"paper_0_res.json", "paper_1_res.json", "paper_3_res.json"} <= names
    assert {"paper-page-2-blocks.jpg", "paper_images/page-1-image-1.jpg"} <= names
    assert names == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert (tmp_path / "paper_images/page-1-image-1.jpg").read_bytes() == picture().data
    for one in INSTALLED:
        files = one.files(two_pages(), WriteOptions(stem="paper", figures="none"))
        assert files[0].name.endswith(one.suffix)
        assert (len(files) == 1) == (one.name not in {"csv", "paddlex-json"})


@pytest.mark.parametrize("one", [one for one in FORMATS.values() if one.needs])
def test_formats_that_need_more(one: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named before anything is read."""
    monkeypatch.setattr("ppocrvl.document.writers.formats.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError) as caught:
        format_named(one.name)
    assert f'pip install "ppocrvl[{one.name}]"' in str(caught.value)


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "paper.json").mkdir()
    with pytest.raises(OutputError, match=r"paper.json: a folder has this name"):
        two_pages().save(tmp_path, ["md", "json"])
    assert not (tmp_path / "paper.md").exists()


def test_unknown_formats(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown format 'doc'; known: md, json, html, txt"):
        two_pages().save(tmp_path, ["doc"])
    with pytest.raises(OptionError, match="csv is no single text"):
        two_pages().to("csv")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a/b.pdf", "b"),
        ("stdin", "stdin"),
        ("", "document"),
        ("/", "document"),
        ("..", "document"),
        ("x/.hidden.pdf", "hidden"),
        ("\N{GREEK SMALL LETTER ALPHA}" * 200 + ".pdf", "\N{GREEK SMALL LETTER ALPHA}" * 75),
    ],
)
def test_names_of_files(name: str, stem: str) -> None:
    assert file_stem(name) == stem


def test_stem_may_be_chosen(tmp_path: Path) -> None:
    (path,) = document(block(0, "text", "x")).save(tmp_path / "new", stem="v1.2", figures="none")
    assert path == tmp_path / "new" / "v1.2.md"


def test_path_that_is_no_unicode(tmp_path: Path) -> None:
    one = Document.of("a\udcff.pdf", 1, [page(block(0, "text", "x"))])
    for path in one.save(tmp_path, ["json", "html"], stem="a"):
        assert path.read_bytes().decode("utf-8")
    assert json.loads((tmp_path / "a.json").read_bytes())["name"] == "a\udcff.pdf"


def test_blocks_of_all_pages() -> None:
    assert [one.label for one in two_pages().blocks].count("text") == 4
    assert str(two_pages()) == two_pages().to_markdown()
    assert table(0, "<table></table>").html == "<table></table>"
