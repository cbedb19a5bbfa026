# SPDX-License-Identifier: Apache-2.0
"""Counts of a corpus, and documents that do not come along."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.batch.corpora import settings_for

from ppocrvl.batch.manifest import Manifest
from ppocrvl.batch.rows import Row
from ppocrvl.batch.tally import Tally
from ppocrvl.errors import ClusterError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    settings = settings_for(tmp_path, tables=False)
    return Tally(settings, Manifest(settings))


def page(document: int, **values: object) -> Row:
    row = Row(document=document, path=b"in/%d.png" % document, output=b"%d" % document)
    return replace(row, **{"page": 0, "state": "read", "worker": "w", **values})  # type: ignore[arg-type]


def written(document: int, **values: object) -> Row:
    return page(document, **{"page": -1, "state": "written", **values})


def test_counts(tally: Tally) -> None:
    rows = [page(0), written(0), page(1, state="kept"), page(2, state="failed", error="e", code=9)]
    assert all(tally.add(row) for row in [*rows, written(1), written(2)])
    assert not tally.add(written(1))  # by two workers at once
    tally.add(written(3, state="refused", error="damaged", code=13))
    tally.finish()
    counts = tally.summary()
    assert counts["documents"] == {"written": 3, "kept": 0, "refused": 1}
    assert counts["pages"] == {"read": 1, "kept": 1, "failed": 1}
    assert counts["pages_by_worker"] == {"w": 2}
    assert counts["failures"] == [
        {"document": "in/2.png", "page": 1, "error": "e"},
        {"document": "in/3.png", "page": None, "error": "damaged"},
    ]
    assert tally.exit_code == ExitCode.ENGINE
    assert tally.has_read


def test_time_left(tally: Tally) -> None:
    assert tally.seconds_left(4) is None
    tally.add(written(0, state="kept"))
    assert tally.seconds_left(4) is None  # it took nothing
    tally.add(written(1))
    before = tally.seconds_left(4)
    assert before is not None
    line = tally.line(4)
    assert re.search(r", 2 of 4 documents, \d\d:\d\d left$", line)
    tally.add(written(2, state="refused", error="damaged", code=13))
    assert tally.seconds_left(3) == 0
    assert tally.line().endswith(", 3 documents")


def test_the_first_failure_is_that_of_the_corpus(tally: Tally) -> None:
    tally.add(written(5, state="refused", error="late in the corpus", code=13))
    tally.add(page(3, state="failed", error="before it", code=9))
    assert tally.exit_code == ExitCode.ENGINE
    assert not tally.has_read


@pytest.mark.parametrize("rows", [[page(0)], [written(1)], [written(0), page(1), written(2)]])
def test_documents_that_are_lost_are_no_success(tally: Tally, rows: list[Row]) -> None:
    for row in rows:
        tally.add(row)
    with pytest.raises(ClusterError, match="were lost on the way; the same command goes on"):
        tally.finish()
