# SPDX-License-Identifier: Apache-2.0
"""Documents with true Markdown: what they say, how near a reading is, and the command."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.errors import DatasetError, ExitCode
from ppocrvl.evaluation import DocumentItem, holds_documents, read_dataset, read_documents
from ppocrvl.evaluation.document_metrics import score
from ppocrvl.evaluation.documents import EvaluatedDocument, summarize_documents
from ppocrvl.evaluation.markdown_parts import markdown_parts, plain_text
from ppocrvl.markup.otsl import Cell

if TYPE_CHECKING:
    from pathlib import Path

PAGE = r"""<!-- page 2 -->

# A \# title #

The first paragraph has \$5, a \*star\*, *emphasis*, [a link](https://x.org)
and a formula $a\_b$ &amp; more.

- one of some items
- two of some items

![](figure.jpg)

| Name | Number |
| --- | --- |
| a \| b | 1<br>2 |

$$E = mc^2 \tag{3}$$

```
x = "# no heading"
```

<table><tr><td colspan="2">both</td></tr><tr><td>left</td><td>right</td></tr></table>
"""


def test_parts() -> None:
    parts = markdown_parts(PAGE)
    assert [(part.kind, part.text) for part in parts] == [
        ("heading", "A # title"),
        (
            "text",
            r"The first paragraph has $5, a *star*, emphasis, a link and a formula a\_b & more.",
        ),
        ("text", "one of some items"),
        ("text", "two of some items"),
        ("table", "Name Number a | b 1 2"),
        ("formula", "E = mc^2 (3)"),
        ("code", 'x = "# no heading"'),
        ("table", "both left right"),
    ]
    assert parts[4].cells[2:] == (Cell(1, 0, "a | b"), Cell(1, 1, "1 2"))
    assert parts[7].cells[0] == Cell(0, 0, "both", 1, 2)


@pytest.mark.parametrize("text", ["", "\n\n", "```\nopen", "<table>", "| a |", "$$", "\\", "# "])
def test_broken_text_has_parts_too(text: str) -> None:
    assert score(text, text).distance == 0


def test_plain_text_is_what_a_renderer_shows(project_root: Path) -> None:
    """Of what has no formulas, which CommonMark does not know."""
    markdown = (project_root / "samples" / "paper.md").read_text(encoding="utf-8")
    pieces = [piece for piece in markdown.split("\n\n") if "$" not in piece]
    shown = []
    for token in MarkdownIt().enable("table").parse("\n\n".join(pieces)):
        seen = {"text", "code_inline", "softbreak", "hardbreak"}
        shown += [one.content or " " for one in token.children or [] if one.type in seen]
        shown.append(" ")
    found = plain_text(markdown_parts("\n\n".join(pieces)))
    assert found.split() == "".join(shown).split()


def test_distance_and_order() -> None:
    truth = "First part of all.\n\nSecond part of all.\n\nThird part of all."
    assert score(truth.replace("\n\n", "\n"), truth).distance == 0  # how it is divided is no error
    one = score(truth.replace("Second", "Sekond"), truth)
    assert (one.errors, one.pairs, one.pairs_in_order) == (1, 3, 3)
    turned = score("Third part of all.\n\nFirst part of all.\n\nSecond part of all.", truth)
    assert (turned.pairs, turned.pairs_in_order) == (3, 1)
    nothing = score("", truth)
    assert (nothing.distance, nothing.pairs) == (1, 0)


def test_texts_that_occur_twice_say_nothing_about_order() -> None:
    truth = "The same words.\n\nSomething else here.\n\nThe same words."
    assert score(truth, truth).pairs == 0


def test_headings_tables_formulas() -> None:
    truth = (
        "# Introduction\n\n# Method\n\n| a | b |\n| --- | --- |\n| c | d |\n\n"
        "| e | f |\n| --- | --- |\n| g | h |\n\n$$x + y$$\n\n$$z$$"
    )
    reading = (
        "# Introductiom\n\nMethod\n\n# Other\n\n| a | b |\n| --- | --- |\n| c | x |\n\n$$x + z$$"
    )
    found = score(reading, truth)
    assert (found.headings, found.headings_read, found.headings_found) == (2, 2, 1)
    assert list(found.tables) == pytest.approx([1 - 1 / 7, 0.0])
    assert list(found.formulas) == pytest.approx([0.8, 0.0])
    same = score(truth, truth)
    assert (same.tables, same.formulas) == ((1.0, 1.0), (1.0, 1.0))


def test_sums() -> None:
    item = DocumentItem("x.png", "true text")  # type: ignore[arg-type]
    readings = [
        EvaluatedDocument(item, "true text", score("true text", "true text"), 2),
        EvaluatedDocument(item, "true", score("true", "true text"), 1, n_failed=1),
        EvaluatedDocument(item, "", score("", "true text"), 0, error="it is no PDF"),
    ]
    found = summarize_documents(readings)
    assert (found.n, found.n_unopened, found.n_pages, found.n_failed) == (3, 1, 3, 1)
    assert found.distance == pytest.approx(5 / 9 / 2)
    assert (found.order, found.headings, found.teds, found.formulas) == (None,) * 4


def test_a_folder_and_an_index(tmp_path: Path) -> None:
    for name in ("b.pdf", "a.png", "alone.pdf", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    for name in "ab":
        (tmp_path / f"{name}.md").write_text(f"# {name}", encoding="utf-8")
    assert holds_documents(tmp_path)
    assert read_documents(tmp_path) == [
        DocumentItem(tmp_path / "a.png", "# a"),
        DocumentItem(tmp_path / "b.pdf", "# b"),
    ]
    row = {"document": "b.pdf", "markdown": "b.md", "tags": {"n": 1}}
    index = tmp_path / "dataset.jsonl"
    index.write_text(json.dumps(row), encoding="utf-8")
    assert holds_documents(index)
    assert read_documents(tmp_path) == [DocumentItem(tmp_path / "b.pdf", "# b", {"n": "1"})]
    index.write_text('{"image": "a.png", "text": "x"}', encoding="utf-8")
    assert not holds_documents(tmp_path)
    assert len(read_dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"document": "a.pdf"}, "line 1: 'markdown' is missing"),
        ({"document": 1, "markdown": "a.md"}, "line 1: 'document' is missing or of the wrong"),
        ({"document": "a.pdf", "markdown": "no.md"}, "no.md: cannot be read"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, row: dict[str, object], reason: str) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(DatasetError, match=reason):
        read_documents(tmp_path / "set.jsonl")


def test_command(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(samples / "hello.png", data / "hello.png")
    shutil.copy(samples / "hello.txt", data / "hello.md")
    (data / "broken.pdf").write_bytes(b"%PDF-1.7")
    (data / "broken.md").write_text("lost", encoding="utf-8")
    model = str(ppocrvl.Engine().paths.llm.parent)
    report = tmp_path / "report.json"
    command = ["eval", model, str(data)]
    assert run_command([*command, "--layout", "none", "--report", str(report)]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "pages a minute" in out
    assert "broken.pdf" in err
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["total"]["distance"] == 0
    assert (found["total"]["n"], found["total"]["n_unopened"]) == (2, 1)
    assert found["readings"][1]["markdown"].strip() == (data / "hello.md").read_text().strip()
    assert run_command([*command, "--reference", model]) == ExitCode.USAGE
    assert "--reference is for images" in capsys.readouterr().err


def test_no_document_can_be_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "broken.md").write_text("lost", encoding="utf-8")
    model = str(ppocrvl.Engine().paths.llm.parent)
    assert run_command(["eval", model, str(tmp_path), "--layout", "none"]) == ExitCode.DATASET
    assert "none of its documents" in capsys.readouterr().err
