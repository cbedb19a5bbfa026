# SPDX-License-Identifier: Apache-2.0
"""Pictures and texts are found, and a set that is not right is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ppocrvl.errors import DatasetError
from ppocrvl.evaluation import Item, read_dataset


def test_a_folder(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.png", "alone.png", "notes.md"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a.txt").write_text("line\nline\n", encoding="utf-8")
    (tmp_path / "b.otsl").write_text("<fcel>x<nl>\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("ü", encoding="utf-8")
    assert read_dataset(tmp_path) == [
        Item(tmp_path / "a.JPG", "line\nline"),
        Item(tmp_path / "b.png", "<fcel>x<nl>", "table"),
        Item(tmp_path / "c.png", "ü"),
    ]


def test_an_index_comes_before_what_lies_about(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.txt").write_text("other", encoding="utf-8")
    rows = [
        {"image": "a.png", "text": "truth", "tags": {"size": 18, "font": "Serif"}},
        {"image": "sub/b.png", "text": "", "task": "formula"},
    ]
    index = tmp_path / "dataset.jsonl"
    index.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    expected = [
        Item(tmp_path / "a.png", "truth", "ocr", {"size": "18", "font": "Serif"}),
        Item(tmp_path / "sub" / "b.png", "", "formula"),
    ]
    assert read_dataset(tmp_path) == read_dataset(index) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: no JSON"),
        ("[" * 100_000, "line 2: no JSON"),
        ("[]", "line 2: no object"),
        ('{"text": "x"}', "line 2: 'image' is missing"),
        ('{"image": "a.png"}', "line 2: 'text' is missing"),
        ('{"image": "a.png", "text": 3}', "line 2: 'text' is missing or of the wrong kind"),
        ('{"image": "a.png", "text": "", "tags": []}', "line 2: 'tags'"),
        ('{"image": "a.png", "text": "", "task": "x"}', "line 2: unknown task 'x'"),
        (r'{"image": "a.png", "text": "\ud800"}', "line 2: 'text' is not valid Unicode"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    index = tmp_path / "set.jsonl"
    index.write_text('{"image": "a.png", "text": "x"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=reason):
        read_dataset(index)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no image with a text"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_dataset(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_dataset(tmp_path / "bytes.jsonl")


def test_lines_end_where_jsonl_ends_them(tmp_path: Path) -> None:
    """JSON texts may hold what else divides lines, as U+2028."""
    index = tmp_path / "set.jsonl"
    text = "a\u2028b\x85c"
    index.write_text(json.dumps({"image": "a.png", "text": text}, ensure_ascii=False), "utf-8")
    assert [item.text for item in read_dataset(index)] == [text]


def test_the_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x: cannot be read \(File name too long"):
        read_dataset(tmp_path / ("x" * 300))
    unreadable = Path("/proc/self/mem")  # a file that opens, and whose first byte cannot be read
    if not unreadable.is_file():
        pytest.skip("needs /proc")
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.txt").symlink_to(unreadable)
    with pytest.raises(DatasetError, match=r"a\.txt: cannot be read"):
        read_dataset(tmp_path)
