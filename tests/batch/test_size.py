# SPDX-License-Identifier: Apache-2.0
"""Documents of a corpus, counted beside the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.batch.corpora import settings_for

from ppocrvl.batch.size import CorpusSize

if TYPE_CHECKING:
    from pathlib import Path


def test_counts(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus" / "deep"
    corpus.mkdir(parents=True)
    for number in range(7):
        (corpus / f"{number}.png").touch()
    (corpus / "notes.txt").touch()
    settings = replace(settings_for(tmp_path), inputs=(str(corpus.parent),))
    with CorpusSize(settings) as size:
        size.wait()
        assert size.documents == 7


def test_a_folder_that_has_gone_is_not_counted(tmp_path: Path) -> None:
    settings = replace(settings_for(tmp_path), inputs=(str(tmp_path / "none" / "*.pdf"),))
    with CorpusSize(settings) as size:
        size.wait()
        assert size.documents is None
