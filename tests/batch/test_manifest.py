# SPDX-License-Identifier: Apache-2.0
"""What is kept of a corpus, and for which runs it counts."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.batch.corpora import settings_for
from tests.parsing.made import block

from ppocrvl.batch.attempts import Attempts
from ppocrvl.batch.manifest import FOLDER, Manifest, OwnedManifest, PageRecord
from ppocrvl.batch.rows import Row
from ppocrvl.document.types import PageData, Picture
from ppocrvl.errors import ExitCode, OutputError
from ppocrvl.parsing.parse_options import ParseOptions

if TYPE_CHECKING:
    from pathlib import Path

SHA = "ab" * 32
FAILED = (int(ExitCode.ENGINE), "out of memory")


def page(index: int = 0) -> PageData:
    picture = Picture("page-1-image-1.jpg", b"\xff\xd8bytes", 3, 4)
    return PageData(index, 10, 20, 144.0, blocks=(block("image", pictures=(picture,)),))


def test_pages_come_back_with_their_pictures(tmp_path: Path) -> None:
    manifest = Manifest(settings_for(tmp_path))
    key = manifest.page_key(SHA, 0)
    assert manifest.page(key) is None
    assert not manifest.has_page(key)
    manifest.keep_page(key, PageRecord(page()))
    manifest.keep_page(manifest.page_key(SHA, 1), PageRecord(page(1), (FAILED,)))
    again = Manifest(settings_for(tmp_path))
    assert again.page(key) == PageRecord(page())
    assert again.page(again.page_key(SHA, 1)) == PageRecord(page(1), (FAILED,))
    assert again.has_page(again.page_key(SHA, 1))
    assert {path.parts[-3] for path in tmp_path.rglob("*.json")} == {"pages", "failed"}


@pytest.mark.parametrize("kept", [b"", b'{"page": ', b"[]", b"{}"])
def test_a_record_that_lost_its_bytes_is_none(tmp_path: Path, kept: bytes) -> None:
    manifest = Manifest(settings_for(tmp_path))
    key = manifest.page_key(SHA, 0)
    manifest.keep_page(key, PageRecord(page()))
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(kept)
    assert manifest.page(key) is None


def test_keys_tell_apart_what_would_be_read_differently(tmp_path: Path) -> None:
    usual = settings_for(tmp_path)
    others = [
        replace(usual, models=replace(usual.models, hashes=("1", "3"))),
        replace(usual, options=ParseOptions(dpi=100)),
        replace(usual, options=ParseOptions(request={"max_tokens": 7})),
        replace(usual, engine={"deterministic": False}),
        replace(usual, formats=("html",)),  # with images of the pages
    ]
    keys = {Manifest(one).page_key(SHA, 0) for one in [usual, *others]}
    assert len(keys) == 1 + len(others)
    same = [
        replace(usual, folder=tmp_path / "other"),
        replace(usual, options=ParseOptions.of({"password": "x", "pages": "1"})),
        replace(usual, engine={"deterministic": True, "n_threads": 2}, n_parallel=9),
        replace(usual, formats=("md", "json")),
    ]
    assert {Manifest(one).page_key(SHA, 0) for one in same} <= keys
    assert Manifest(usual).page_key(SHA, 1) not in keys
    assert Manifest(usual).page_key("cd" * 32, 0) not in keys


def test_a_document_is_done_while_its_files_are_there(tmp_path: Path) -> None:
    manifest = Manifest(settings_for(tmp_path))
    row = Row(document=0, path=b"in/\xff.pdf", output=b"\xff", sha256=SHA)
    file = tmp_path / os.fsdecode(b"\xff.md")
    file.write_text("text")
    key = manifest.document_key(row)
    manifest.keep_document(key, {"document": {}, "pages": []}, [str(file)], error="", code=0)
    assert manifest.document(key) is not None
    assert manifest.document(manifest.document_key(replace(row, output=b"other"))) is None
    other = Manifest(settings_for(tmp_path, formats=("md", "txt")))
    assert other.document(other.document_key(row)) is None
    file.unlink()
    assert manifest.document(key) is None


def test_an_output_belongs_to_one_kind_of_run(tmp_path: Path) -> None:
    usual = settings_for(tmp_path)
    with OwnedManifest(usual) as manifest:
        manifest.keep_page(manifest.page_key(SHA, 0), PageRecord(page()))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    for change, what in (
        ({"models": replace(usual.models, hashes=("9", "2"))}, "another model"),
        ({"inputs": ("in", "more")}, "other inputs"),
        ({"options": ParseOptions(dpi=100, charts=True)}, r"other options \(charts, dpi\)"),
        ({"engine": {}}, r"other options \(deterministic\)"),
    ):
        with pytest.raises(OutputError, match=rf"its output is of {what}; name another"):
            OwnedManifest(settings_for(tmp_path, **change))
    with OwnedManifest(settings_for(tmp_path, formats=("json",), n_parallel=2)):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def test_what_a_run_that_did_nothing_left_is_no_output(tmp_path: Path) -> None:
    with OwnedManifest(settings_for(tmp_path)):
        pass
    with OwnedManifest(settings_for(tmp_path, inputs=("other",))):
        pass


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("mine")
    with pytest.raises(OutputError, match="is not empty, and is no output of `ppocrvl batch`"):
        OwnedManifest(settings_for(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.md"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        OwnedManifest(settings_for(tmp_path)),
        pytest.raises(OutputError, match="another run writes into this folder"),
    ):
        OwnedManifest(settings_for(tmp_path))
    with OwnedManifest(settings_for(tmp_path)):
        pass


def test_what_failed_is_forgotten_if_asked(tmp_path: Path) -> None:
    usual = settings_for(tmp_path)
    row = Row(document=0, path=b"in/1.pdf", output=b"1", sha256=SHA)
    with OwnedManifest(usual) as manifest:
        good, bad = (manifest.page_key(SHA, index) for index in range(2))
        manifest.keep_page(good, PageRecord(page()))
        manifest.keep_page(bad, PageRecord(page(1), (FAILED,)))
        whole, partly = (manifest.document_key(replace(row, output=o)) for o in (b"1", b"2"))
        manifest.keep_document(whole, {"document": {}}, [], error="", code=0)
        manifest.keep_document(partly, {"document": {}}, [], error="1 page failed", code=9)
    with OwnedManifest(usual, retry_failed=True) as manifest:
        assert manifest.has_page(good)
        assert not manifest.has_page(bad)
        assert manifest.document(whole) is not None
        assert manifest.document(partly) is None


def test_attempts_that_did_not_end(tmp_path: Path) -> None:
    attempts, keys = Attempts(tmp_path / FOLDER, "this"), ("k1", "k2", "k3")
    assert attempts.unfinished(keys) == {}
    first = attempts.begin("k1")
    attempts.begin("k1")
    attempts.begin("k2")
    assert {key: len(names) for key, names in attempts.unfinished(keys).items()} == {
        "k1": 2,
        "k2": 1,
    }
    assert attempts.unfinished(keys)["k2"][0].startswith(f"{os.getpid()} on ")
    first.unlink()
    attempts.forget("k2")
    assert {key: len(names) for key, names in attempts.unfinished(keys).items()} == {"k1": 1}
    other = Attempts(tmp_path / FOLDER, "other")
    assert other.unfinished(keys) == {}
    other.forget_other_runs()
    assert attempts.unfinished(keys) == {}
