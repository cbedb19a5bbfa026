# SPDX-License-Identifier: Apache-2.0
"""The pipeline loses nothing: with true regions and answers, its text is that of the page.

Order, joins and formats alone can lose something here. What a page says is told without any code
that writes documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fonts import needs_fonts

pytest.importorskip("rapidfuzz", reason='needs the packages of evaluation: pip install ".[eval]"')

from rapidfuzz.distance import Levenshtein

from pages import perfect, truth
from pages.maker import Page, make
from ppocrvl.evaluation.markdown_parts import markdown_parts, plain_text

if TYPE_CHECKING:
    from ppocrvl.document.document import Document

pytestmark = needs_fonts

MOST_LOST = 0.005


def lost(document: Document, pages: list[Page]) -> float:
    read = plain_text(markdown_parts(document.to_markdown()))
    return Levenshtein.normalized_distance(read, " ".join(map(truth.words, pages)))


@pytest.mark.parametrize(
    ("number", "held_out"),
    [
        (0, False),
        (42, False),  # four groups of blocks that are read as one
        (1, True),  # footnotes and numbered formulas
        (3, True),
        (37, True),
    ],
)
def test_of_a_page_nothing_is_lost(number: int, *, held_out: bool) -> None:
    page = make(f"lost {number}", held_out=held_out)
    assert lost(perfect.parse([page]), [page]) <= MOST_LOST


def test_of_pages_together_nothing_is_lost() -> None:
    pages = [make(f"together {number}") for number in range(3)]
    assert lost(perfect.parse(pages), pages) <= MOST_LOST


@pytest.mark.slow
@pytest.mark.parametrize("held_out", [False, True])
def test_of_many_pages_nothing_is_lost(*, held_out: bool) -> None:
    found = []
    for number in range(100):
        page = make(f"proof {number}", held_out=held_out)
        found.append(lost(perfect.parse([page]), [page]))
    assert sum(found) / len(found) <= MOST_LOST
    assert max(found) <= 4 * MOST_LOST
