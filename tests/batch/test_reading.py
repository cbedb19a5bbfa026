# SPDX-License-Identifier: Apache-2.0
"""How pages are read, tried again, suspected and given up; the reader does as it is told."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.batch.corpora import settings_for
from tests.parsing.fakes import Stripes, TrueReader, name_of, painted, result

from ppocrvl.batch.attempts import Attempts
from ppocrvl.batch.listing import list_documents
from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.opening import Opening
from ppocrvl.batch.reading import PageReader
from ppocrvl.batch.rows import DOCUMENT, Row
from ppocrvl.errors import EngineError, ExitCode, ImageError, PpocrvlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.batch.settings import Settings
    from ppocrvl.requests.results import Result


@pytest.fixture
def corpus(tmp_path: Path) -> Settings:
    """Four pages of two blocks, and a file that is broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    for page in range(4):
        Image.fromarray(painted(page, 2)).save(folder / f"{page}.png")
    (folder / "broken.pdf").write_text("none")
    return settings_for(tmp_path / "out", inputs=(str(folder),))


def rows_of(settings: Settings) -> list[Row]:
    return list(Opening(settings)(list_documents(settings.inputs, settings.base)))


def reader_for(settings: Settings, answer: Callable[[Any], Result | PpocrvlError]) -> PageReader:
    parts = settings.options.parts(Stripes(), TrueReader(answer=answer))
    return PageReader(settings, parts, "run")


def true(pixels: Any) -> Result:
    return result(name_of(pixels))


def no_answer(_: Any) -> Result:
    raise AssertionError("read again")


def texts(settings: Settings, row: Row) -> list[str]:
    manifest = Manifest(settings)
    record = manifest.page(manifest.page_key(row.sha256, row.page))
    assert record is not None
    return [block.text for block in record.data.blocks]


def test_pages_are_read_once(corpus: Settings) -> None:
    done = list(reader_for(corpus, true)(rows_of(corpus)))
    assert Counter(row.state for row in done) == {"read": 4, "refused": 1}
    for row in done:
        if row.page != DOCUMENT:
            page = int(Path(row.name).name[0])
            assert texts(corpus, row) == [f"page {page} block {n}" for n in range(2)]
    again = list(reader_for(corpus, no_answer)(rows_of(corpus)))
    assert Counter(row.state for row in again) == {"kept": 4, "refused": 1}
    assert not list((Manifest(corpus).folder / "attempts" / "run").iterdir())


def test_a_broken_document_is_one_row(corpus: Settings) -> None:
    (row,) = (row for row in rows_of(corpus) if row.page == DOCUMENT)
    assert (row.state, row.code) == ("refused", ExitCode.DOCUMENT)
    assert "broken.pdf is no PDF" in row.error


def test_documents_of_the_same_bytes_are_read_once(corpus: Settings, tmp_path: Path) -> None:
    (tmp_path / "in" / "copy.png").write_bytes((tmp_path / "in" / "0.png").read_bytes())
    n_read: Counter[str] = Counter()

    def answer(pixels: Any) -> Result:
        n_read[name_of(pixels)] += 1
        return true(pixels)

    done = list(reader_for(corpus, answer)(rows_of(corpus)))
    assert Counter(row.state for row in done) == {"read": 4, "kept": 1, "refused": 1}
    assert set(n_read.values()) == {1}


@pytest.mark.parametrize("n_failures", [1, 2, 3])
def test_an_error_of_the_engine_is_tried_three_times(corpus: Settings, n_failures: int) -> None:
    n_read: Counter[str] = Counter()

    def answer(pixels: Any) -> Result | PpocrvlError:
        n_read[name_of(pixels)] += 1
        if name_of(pixels) == "page 2 block 1" and n_read["page 2 block 1"] <= n_failures:
            return EngineError(f"out of memory {n_read['page 2 block 1']}")
        return true(pixels)

    done = list(reader_for(corpus, answer)(rows_of(corpus)))
    (row,) = (row for row in done if row.name.endswith("2.png"))
    others = [row for row in done if row.page != DOCUMENT and not row.name.endswith("2.png")]
    assert {row.state for row in others} == {"read"}
    assert n_read["page 1 block 1"] == 1
    assert n_read["page 2 block 1"] == min(n_failures + 1, 3)
    manifest = Manifest(corpus)
    record = manifest.page(manifest.page_key(row.sha256, row.page))
    assert record is not None
    if n_failures < 3:
        assert (row.state, record.reasons) == ("read", ())
    else:
        reasons = tuple((int(ExitCode.ENGINE), f"out of memory {n}") for n in (1, 2, 3))
        assert (row.state, row.code, record.reasons) == ("failed", ExitCode.ENGINE, reasons)
        assert texts(corpus, row) == ["page 2 block 0", ""]  # what was read is kept
        again = list(reader_for(corpus, no_answer)(rows_of(corpus)))
        assert row in again


def test_what_is_wrong_with_an_image_is_tried_once(corpus: Settings) -> None:
    n_read: Counter[str] = Counter()

    def answer(pixels: Any) -> PpocrvlError:
        n_read[name_of(pixels)] += 1
        return ImageError("too thin")

    done = list(reader_for(corpus, answer)(rows_of(corpus)))
    assert Counter(row.state for row in done) == {"failed": 4, "refused": 1}
    assert set(n_read.values()) == {1}


def test_a_page_that_ended_its_process_is_read_alone(corpus: Settings) -> None:
    """Its process may end again, and no other page shall be suspected with it."""
    rows = [row for row in rows_of(corpus) if row.page != DOCUMENT]
    manifest = Manifest(corpus)
    attempts = Attempts(manifest.folder, "run")
    keys = [manifest.page_key(row.sha256, row.page) for row in rows]
    attempts.begin(keys[1])
    beside: list[tuple[set[str], list[bool]]] = []

    def answer(pixels: Any) -> Result:
        if name_of(pixels).startswith("page 1"):
            beside.append(
                (set(attempts.unfinished(keys)), [manifest.has_page(key) for key in keys])
            )
        return true(pixels)

    done = list(reader_for(corpus, answer)(rows))
    assert [row.state for row in done] == ["read"] * 4
    assert beside == [({keys[1]}, [True, False, True, True])] * 2
    assert attempts.unfinished(keys) == {}


def test_a_page_that_ended_three_processes_is_given_up(corpus: Settings) -> None:
    rows = [row for row in rows_of(corpus) if row.page != DOCUMENT]
    manifest = Manifest(corpus)
    attempts = Attempts(manifest.folder, "run")
    keys = [manifest.page_key(row.sha256, row.page) for row in rows]
    for _ in range(3):
        attempts.begin(keys[1])

    def answer(pixels: Any) -> Result:
        assert not name_of(pixels).startswith("page 1")
        return true(pixels)

    done = {row.name[-5]: row for row in reader_for(corpus, answer)(rows)}
    assert [done[page].state for page in "0123"] == ["read", "failed", "read", "read"]
    assert done["1"].error == "the process that read it ended, 3 times"
    record = manifest.page(keys[1])
    assert record is not None
    assert [reason for _, reason in record.reasons] == [
        f"the process that read it ended (worker {os.getpid()} on {os.uname().nodename})"
    ] * 3
    assert attempts.unfinished(keys) == {}


def test_what_is_given_up_in_peace_is_no_attempt(corpus: Settings) -> None:
    """As Ctrl-C does it."""

    def answer(pixels: Any) -> Result:
        return true(pixels)

    pages = rows_of(corpus)
    rows = reader_for(corpus, answer)(pages)
    while next(rows).page == DOCUMENT:
        pass
    rows.close()  # type: ignore[attr-defined]
    manifest = Manifest(corpus)
    keys = [manifest.page_key(row.sha256, row.page) for row in pages]
    assert Attempts(manifest.folder, "run").unfinished(keys) == {}


def test_a_document_that_is_gone_fails_by_itself(corpus: Settings, tmp_path: Path) -> None:
    rows = rows_of(corpus)
    (tmp_path / "in" / "2.png").unlink()
    done = {row.name: row for row in reader_for(corpus, true)(rows) if row.page != DOCUMENT}
    states = [done[str(tmp_path / "in" / f"{page}.png")].state for page in range(4)]
    assert states == ["read", "read", "failed", "read"]


def test_some_pages_of_a_document(corpus: Settings, tmp_path: Path) -> None:
    first, *rest = (Image.fromarray(painted(page, 1)) for page in range(10, 15))
    first.save(tmp_path / "in" / "many.tiff", save_all=True, append_images=rest)
    options = replace(corpus.options, pages="2,-1")
    chosen = replace(corpus, inputs=(str(tmp_path / "in" / "many.tiff"),), options=options)
    rows = rows_of(chosen)
    assert [(row.page, row.n_pages) for row in rows] == [(1, 5), (4, 5)]
    done = list(reader_for(chosen, true)(rows))
    assert [texts(chosen, row) for row in done] == [["page 11 block 0"], ["page 14 block 0"]]
    assert np.all([row.state == "read" for row in done])
