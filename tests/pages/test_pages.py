# SPDX-License-Identifier: Apache-2.0
"""Painted pages: the same by seed, boxes where the ink is, truth complete."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageChops
from tests.fonts import needs_fonts

from pages import faces, maker, squash, worn
from pages.labels import LABELS
from pages.maker import Page, make
from pages.sheet import Place, Sheet

SLACK = 2  # pixels by which ink may miss its box
MANY = 150


pytestmark = needs_fonts


@cache
def pages() -> list[Page]:
    return [make(f"test {i}", decorated=False) for i in range(MANY)]


def ink(image: Image.Image, paper: tuple[int, int, int]) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(image, Image.new("RGB", image.size, paper)).getbbox()


@pytest.mark.parametrize("held_out", [False, True])
def test_the_seed_makes_the_page(*, held_out: bool) -> None:
    one, again = (make("same", held_out=held_out) for _ in range(2))
    assert one.image.tobytes() == again.image.tobytes()
    assert one.regions == again.regions
    other = make("other", held_out=held_out)
    assert other.image.tobytes() != one.image.tobytes()


def test_every_class_occurs() -> None:
    seen = Counter(r.label for page in pages() for r in page.regions)
    assert set(seen) == set(LABELS)


def test_every_template_occurs_and_none_is_both_trained_and_held_out() -> None:
    assert {p.template for p in pages()} == {k.paint.__name__ for k in maker.TRAIN}
    assert not {k.paint for k in maker.TRAIN} & {k.paint for k in maker.HELD_OUT}
    stems = [{stem for stem, _ in table} for table in (faces.TRAIN, faces.HELD_OUT)]
    assert not stems[0] & stems[1]
    assert not set(faces.MONO) & set(faces.MONO_HELD_OUT)


def test_boxes_lie_within_the_page() -> None:
    for page in pages():
        for region in page.regions:
            assert region.box
            x0, y0, x1, y1 = region.box
            assert 0 <= x0 < x1 <= page.image.width
            assert 0 <= y0 < y1 <= page.image.height


def test_all_ink_lies_in_a_box() -> None:
    for page in pages()[:60]:
        rest = page.image.copy()
        for region in page.regions:
            assert region.box
            x0, y0, x1, y1 = region.box
            rest.paste(page.paper, (x0 - SLACK, y0 - SLACK, x1 + SLACK, y1 + SLACK))
        assert ink(rest, page.paper) is None, page.template


def test_boxes_are_as_tight_as_their_ink() -> None:
    for page in pages()[:60]:
        for region in page.regions:
            assert region.box
            found = ink(page.image.crop(region.box), page.paper)
            assert found, (page.template, region)
            size = (region.box[2] - region.box[0], region.box[3] - region.box[1])
            assert max(found[0], found[1], size[0] - found[2], size[1] - found[3]) <= SLACK


def test_what_is_written_is_told() -> None:
    for region in (r for page in pages() for r in page.regions):
        if region.label == "table":
            assert region.cells
            assert len({len(row) for row in region.cells}) == 1
        elif region.label in {"display_formula", "inline_formula"}:
            assert region.latex
            assert region.latex.count("{") == region.latex.count("}")
        elif region.label not in {"image", "chart", "header_image", "footer_image", "reference"}:
            assert any(line.strip() for line in region.lines), region


def test_heads_are_read_first_and_feet_last_whenever_they_are_painted() -> None:
    sheet = Sheet(random.Random(0), (100, 100), (255, 255, 255))
    for place, label in ((Place.FOOT, "footer"), (Place.BODY, "text"), (Place.HEAD, "header")):
        sheet.place = place
        with sheet.region(label):
            sheet.fill((10, 10, 20, 20), (0, 0, 0))
    assert [r.label for r in sheet.regions()] == ["header", "text", "footer"]


def titled(page: Page) -> bool:
    return any(r.label == "doc_title" for r in page.regions)


def test_columns_are_read_one_after_the_other() -> None:
    for page in (p for p in pages() if p.template == "article" and not titled(p)):
        body = [r for r in page.regions if r.place is Place.BODY and r.label == "text"]
        left = [r.box[0] for r in body if r.box]
        returns = sum(b < a - page.image.width * 0.3 for a, b in pairwise(left))
        assert returns == 0  # never back to a column that was left


def one_region(rng: random.Random) -> tuple[Image.Image, tuple[int, int, int, int]]:
    image = Image.new("RGB", (300, 400), "white")
    x, y = rng.randint(40, 120), rng.randint(60, 200)
    box = (x, y, x + rng.randint(20, 140), y + rng.randint(10, 140))
    image.paste((0, 0, 0), box)
    return image, box


def dark(image: Image.Image) -> tuple[int, int, int, int]:
    box = image.convert("L").point([255 * (v < 100) for v in range(256)]).getbbox()
    assert box
    return box


def test_boxes_turn_with_the_page() -> None:
    for i in range(20):
        rng = random.Random(i)
        image, box = one_region(rng)
        rng.random = lambda: 0.0  # type: ignore[method-assign] # paper outside, not a dark edge
        turned, boxes = worn.turn(rng, image, [box], (255, 255, 255))
        assert max(abs(a - b) for a, b in zip(boxes[0], dark(turned), strict=True)) <= SLACK


def test_worn_pages_keep_size_and_number_of_regions_and_follow_the_seed() -> None:
    page = make("worn")
    boxes = [r.box for r in page.regions if r.box]
    for i in range(8):
        one, moved = worn.wear(random.Random(i), page.image, boxes, page.paper)
        again, _ = worn.wear(random.Random(i), page.image, boxes, page.paper)
        assert one.tobytes() == again.tobytes()
        assert one.size == page.image.size
        assert one.mode in {"L", "RGB"}
        assert len(moved) == len(boxes)


def test_framed_boxes_follow_the_cut() -> None:
    for i in range(20):
        image, box = one_region(random.Random(i))
        framed, boxes = squash.frame(random.Random(i), image, [box], (255, 255, 255))
        inner = framed if framed.width < 300 or framed.height < 400 else None
        assert boxes[0]
        if inner:
            assert max(abs(a - b) for a, b in zip(boxes[0], dark(framed), strict=True)) == 0


def test_a_region_that_is_cut_away_is_no_longer_told() -> None:
    image = Image.new("RGB", (100, 100), "white")
    outside = (0, 0, 2, 100)
    kept = [
        squash.frame(random.Random(i), image, [outside], (255, 255, 255))[1][0] for i in range(40)
    ]
    assert None in kept
    assert any(kept)


def test_squashing_halves_first() -> None:
    """A one-pixel pattern becomes grey where cubic sampling alone would pick black or white."""
    stripes = Image.new("RGB", (512, 512), "white")
    for x in range(0, 512, 2):
        stripes.paste((0, 0, 0), (x, 0, x + 1, 512))
    small = squash.squash(stripes, 128)
    assert small.size == (128, 128)
    assert set(np.asarray(small).ravel().tolist()) <= {127, 128}
