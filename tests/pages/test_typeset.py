# SPDX-License-Identifier: Apache-2.0
"""Pages that WeasyPrint sets from HTML: as true as those that are painted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.fonts import needs_fonts

if TYPE_CHECKING:
    from pages.maker import Page

WEASYPRINT = 'needs WeasyPrint and Pango: pip install ".[train]"; apt-get install libpangoft2-1.0-0'
for module in ("weasyprint", "pypdfium2"):
    pytest.importorskip(module, reason=WEASYPRINT, exc_type=(ImportError, OSError))  # type: ignore[arg-type]

from pages import markup, typeset  # noqa: E402

pytestmark = [
    needs_fonts,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of WeasyPrint's own libraries
]
SEEDS = (("set 0", False), ("set 1", True), ("set 5", True), ("set 3", True))


@cache
def pages() -> list[Page]:
    return [typeset.make(seed, held_out=held_out) for seed, held_out in SEEDS]


def test_every_kind_of_document_occurs() -> None:
    kinds = {kind.__name__ for kind in (*markup.TRAIN, *markup.HELD_OUT)}
    assert {page.template for page in pages()} == kinds


def test_the_seed_makes_the_page() -> None:
    again = typeset.make("set 0")
    assert again.image.tobytes() == pages()[0].image.tobytes()
    assert again.regions == pages()[0].regions


def test_boxes_lie_within_the_page_and_hold_ink_at_their_edges() -> None:
    for page in pages():
        assert page.regions
        pixels = np.asarray(page.image.convert("L")).astype(int)
        for region in page.regions:
            assert region.box
            x0, y0, x1, y1 = region.box
            assert 0 <= x0 < x1 <= page.image.width
            assert 0 <= y0 < y1 <= page.image.height
            inside = pixels[y0:y1, x0:x1]
            edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
            if region.label not in {"algorithm", "image", "chart"}:
                assert all(np.ptp(edge) > 0 or len(edge) == 1 for edge in edges), region


def test_all_ink_lies_in_a_box_but_for_rules_and_shades() -> None:
    """What is left between the regions is made of few dark pixels: rules, no words."""
    for page in pages():
        pixels = np.asarray(page.image.convert("L")).copy()
        dark = pixels < 140
        before = dark.sum()
        for region in page.regions:
            assert region.box
            x0, y0, x1, y1 = region.box
            dark[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = False
        assert dark.sum() <= 0.02 * before, page.template


def test_regions_do_not_cover_one_another() -> None:
    """A paragraph beside a floating box must end where the box begins."""
    for page in pages():
        found = [r.box for r in page.regions if r.box]
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                wide = min(a[2], b[2]) - max(a[0], b[0])
                high = min(a[3], b[3]) - max(a[1], b[1])
                smaller = min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
                assert max(0, wide) * max(0, high) <= 0.15 * smaller, (page.template, a, b)


def test_text_and_cells_are_told() -> None:
    for region in (r for page in pages() for r in page.regions):
        if region.label == "table":
            assert region.cells
        elif region.label == "display_formula":
            assert region.latex
        elif region.label not in {"image", "chart"}:
            assert any(region.lines), region


def test_no_kind_of_document_is_both_trained_and_held_out() -> None:
    assert not set(markup.TRAIN) & set(markup.HELD_OUT)


def test_a_pdf_and_its_pages() -> None:
    """What is told of it has the pixels that parsing renders."""
    from pages.truth import document
    from ppocrvl.parsing.sources.opening import open_document

    pdf, pages = typeset.make_document("pdf", most=2)
    with open_document(pdf) as source:
        assert source.n_pages == len(pages)
        shown = source.render(len(pages) - 1).pixels
    assert shown.shape[:2] == pages[-1].image.size[::-1]
    told = document("x.pdf", pages)
    assert [page.index for page in told.pages] == list(range(len(pages)))
    assert all(page.blocks for page in told.pages)
