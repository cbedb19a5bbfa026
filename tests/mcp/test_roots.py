# SPDX-License-Identifier: Apache-2.0
"""Which files a client may have read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import DocumentError, DocumentNotFoundError, OptionError
from ppocrvl.mcp import roots as roots_module
from ppocrvl.mcp.roots import Roots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with files, and one outside."""
    inside = tmp_path / "root" / "deep"
    inside.mkdir(parents=True)
    (inside / "a.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "rooted").mkdir()
    (tmp_path / "rooted" / "a.txt").write_text("secret")
    return tmp_path / "root"


def test_files_below_a_root(folder: Path) -> None:
    roots = Roots([folder.parent / "rooted", folder])
    (folder / "link.txt").symlink_to(folder / "deep" / "a.txt")
    (folder / "links").symlink_to("deep")
    for path in ("deep/a.txt", str(folder / "deep/a.txt"), "deep/../deep/a.txt", "link.txt"):
        with roots.open(path) as file:
            assert file.read() == b"inside"
    with roots.open("links/a.txt") as file:
        assert file.read() == b"inside"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret.txt",
        "deep/../../secret.txt",
        "../rooted/a.txt",
        "out.txt",
        "out/passwd",
        "/proc/self/environ",
        "missing.txt",
        "deep/a.txt/b",
        "deep/a\0.txt",
        "a" * 5000,
        "~/x",
        "file:///etc/passwd",
    ],
)
def test_nothing_else(folder: Path, path: str) -> None:
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "out").symlink_to("/etc")
    with pytest.raises(DocumentNotFoundError) as caught:
        Roots([folder]).open(path)
    assert "\n" not in str(caught.value)


def test_whether_a_file_outside_is_there_is_not_told(folder: Path) -> None:
    def said(path: str) -> str:
        with pytest.raises(DocumentNotFoundError) as caught:
            Roots([folder]).open(path)
        return str(caught.value).replace(path, "PATH")

    assert said("/etc/passwd") == said("/etc/no-such-file")


def test_a_link_that_is_changed_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the decision and the opening a folder becomes a link out of the root."""
    opened = roots_module._open_below

    def changed(*arguments: object) -> object:
        (folder / "deep").rename(folder / "old")
        (folder / "deep").symlink_to(folder.parent / "rooted")
        return opened(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(roots_module, "_open_below", changed)
    with pytest.raises(DocumentNotFoundError):
        Roots([folder]).open("deep/a.txt")


def test_what_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for path in ("deep", "pipe", ".", ""):
        with pytest.raises(DocumentError):
            Roots([folder]).open(path)


def test_roots_must_be_there(folder: Path) -> None:
    with pytest.raises(OptionError, match="--root"):
        Roots([])
    with pytest.raises(OptionError, match="no such folder"):
        Roots([folder / "missing"])
