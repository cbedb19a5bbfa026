# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/integrations.md, run as they stand there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.document.made import two_pages

from ppocrvl.document.document import Document

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="session")
def document_text(project_root: Path) -> str:
    return (project_root / "docs" / "integrations.md").read_text(encoding="utf-8")


def example(text: str, heading: str) -> str:
    """The Python code under a heading."""
    section = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    return code[1]


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "docs/integrations.md", "exec"), names)  # noqa: S102
    return names


@pytest.fixture
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", "")


@pytest.mark.usefixtures("built_in")
def test_langchain(document_text: str, samples: Path) -> None:
    pytest.importorskip("langchain_core", reason="needs LangChain: pip install langchain-core")
    loader = run(example(document_text, "LangChain"))["PpocrvlLoader"]
    path = str(samples / "hello.png")
    (found,) = loader(path, layout="none").load()
    assert found.page_content.startswith("Hello world!")
    assert found.metadata == {"source": path, "page": 0}


@pytest.mark.usefixtures("built_in")
def test_llama_index(document_text: str, samples: Path) -> None:
    pytest.importorskip("llama_index", reason="needs LlamaIndex: pip install llama-index-core")
    reader = run(example(document_text, "LlamaIndex"))["PpocrvlReader"]()
    path = str(samples / "hello.png")
    (found,) = reader.load_data(path, layout="none")
    assert found.text.startswith("Hello world!")
    assert found.metadata == {"source": path, "page": 0}


DOCLING = {
    "title": ["On Cats\nand Dogs"],
    "section_header": ["1. Intro-\nduction"],
    "page_header": ["Journal of Examples"],
    "caption": ["Figure 1: a cat"],
    "footnote": ["1 Not all of them.", "Source: us."],
    "formula": [" $$  E = mc^2  $$ "],
    "reference": ["[1] A. Cat: Purring. 2026."],
}
"""What docling makes of some blocks, by its own labels."""


def test_docling(
    document_text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its own reader takes our files."""
    pytest.importorskip(
        "docling.utils.paddleocr_vl_utils", reason="needs docling: pip install docling"
    )
    from docling.utils.paddleocr_vl_utils import parse_paddleocr_vl_result

    made = two_pages()
    pages = [replace(page, height=600) for page in made.pages if page.error is None]
    document = Document.of(made.name, 4, pages)
    document.save(tmp_path / "out", ["paddlex-json"])
    monkeypatch.chdir(tmp_path)
    run(example(document_text, "docling"))
    assert "# On Cats" in capsys.readouterr().out
    found: dict[str, list[str]] = {}
    tables = []
    for index in (0, 1):
        text = (tmp_path / "out" / f"paper_{index}_res.json").read_text(encoding="utf-8")
        read = parse_paddleocr_vl_result(text)
        assert list(read.pages) == [index + 1]
        for item in read.texts:
            found.setdefault(str(item.label.value), []).append(item.text)
        tables += [[[cell.text for cell in row] for row in one.data.grid] for one in read.tables]
        assert len(read.texts) + len(read.tables) + len(read.pictures) >= len(
            json.loads(text)["parsing_res_list"]
        )
    assert {label: texts for label, texts in found.items() if label in DOCLING} == DOCLING
    assert tables[0][0] == ["Name", "Price"]
    assert tables[1] == [["Both", "Both"], ["1", "2 < 3"]]
