# SPDX-License-Identifier: Apache-2.0
"""Which documents a corpus has, and where their output goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ppocrvl.batch.listing import check_inputs, list_documents
from ppocrvl.document.document import Document
from ppocrvl.errors import DocumentEmptyError, OptionError

ROOT = Path("/")


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def outputs(*inputs: object, base: Path = ROOT) -> list[tuple[str, str]]:
    listed = list(list_documents([str(one) for one in inputs], base))
    assert [one.document for one in listed] == list(range(len(listed)))
    return [(os.fsdecode(one.path), os.fsdecode(one.output)) for one in listed]


def test_the_output_has_the_folders_of_the_input(tmp_path: Path) -> None:
    make(tmp_path, "b/c/1.png", "b/2.pdf", "a.png", "z.png", "notes.txt")
    assert [output for _, output in outputs(tmp_path)] == ["a", "b/2", "b/c/1", "z"]


def test_documents_of_one_name_get_a_number(tmp_path: Path) -> None:
    """In their own folder alone, also where another folder comes between them."""
    make(tmp_path, "a.bmp", "a.png", "a.o/a.png", "A.tif", "b/a.png", "c/a.png", "c/a.jpg")
    found = {os.path.relpath(path, tmp_path): output for path, output in outputs(tmp_path)}
    assert found == {
        "A.tif": "A", "a.bmp": "a-2", "a.png": "a-3", "a.o/a.png": "a.o/a", "b/a.png": "b/a",
        "c/a.jpg": "c/a", "c/a.png": "c/a-2",
    }  # fmt: skip


def test_long_names_that_begin_alike_get_a_number(tmp_path: Path) -> None:
    """The number is kept by what writes the files."""
    make(tmp_path, *(f"{'long ' * 40}{end}.png" for end in "ab"))
    first, second = (output for _, output in outputs(tmp_path))
    assert (first, second) == (("long " * 30).strip(), f"{('long ' * 30).strip()}-2")
    names = {
        path.name
        for output in (first, second)
        for path in Document.of("x", 0, ()).save(tmp_path, ["md"], stem=output)
    }
    assert names == {f"{first}.md", f"{second}.md"}


def test_several_folders_have_one_each(tmp_path: Path) -> None:
    make(tmp_path, "x/in/1.png", "y/in/1.png", "1.png")
    found = outputs(tmp_path / "x" / "in", tmp_path / "y" / "in", tmp_path / "1.png")
    assert [output for _, output in found] == ["in/1", "in-2/1", "1"]


def test_a_pattern_goes_to_the_top(tmp_path: Path) -> None:
    make(tmp_path, "x/1.png", "y/1.png")
    found = outputs(f"{tmp_path}/*/*.png")
    assert [output for _, output in found] == ["1", "1-2"]


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    (tmp_path / os.fsdecode(b"\xff/\xe9t\xe9.png")).write_bytes(b"x")
    ((path, output),) = outputs(tmp_path)
    assert os.fsencode(path).endswith(b"/\xff/\xe9t\xe9.png")
    assert os.fsencode(output) == b"\xff/t"


def test_what_is_no_corpus_is_told_at_once(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt")
    with pytest.raises(OptionError, match="name folders, patterns or files"):
        check_inputs([])
    with pytest.raises(OptionError, match="- is not for a corpus"):
        check_inputs(["-"])
    with pytest.raises(DocumentEmptyError, match="holds no document"):
        check_inputs([str(tmp_path)])
    with pytest.raises(DocumentEmptyError, match="no file is named like"):
        check_inputs([f"{tmp_path}/*.png"])
    check_inputs([str(tmp_path / "missing.pdf")])  # one that cannot be opened


def test_folders_are_listed_as_they_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is held but the names of one folder and of those above it."""
    make(tmp_path, *(f"{folder}/{number}.png" for folder in "abcd" for number in range(3)))
    scandir, listed = os.scandir, list[str]()

    def counted(folder: Any) -> Any:
        listed.append(os.path.relpath(folder, tmp_path))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    documents = list_documents([str(tmp_path)], ROOT)
    for _ in range(4):
        next(documents)
    assert listed == [".", "a", "b"]


def test_relative_paths_begin_where_the_run_was_started(tmp_path: Path) -> None:
    """Workers may be elsewhere, and names stay as they were given."""
    make(tmp_path, "in/sub/1.png", "2.png", "more/3.png")
    assert outputs("in", "./2.png", "more/*.png", base=tmp_path) == [
        ("in/sub/1.png", "sub/1"), ("2.png", "2"), ("more/3.png", "3"),
    ]  # fmt: skip
