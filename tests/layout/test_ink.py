# SPDX-License-Identifier: Apache-2.0
"""Boxes drawn to ink, and ink that no region covers."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.fonts import needs_fonts
from tests.images.test_lines import TEXT

from pages.maker import make
from ppocrvl.layout.ink import MAX_PIECES, PageInk, look, snapped, with_uncovered
from ppocrvl.layout.region import Box, Region

COLUMNS = (30, 330)
TOPS = (60, 180, 300)  # of blocks of three lines, in either column
STEP = 24


def region(label: str, box: Box, order: int) -> Region:
    return Region.of_box(label, 0.9, box, order)


@cache
def page() -> tuple[PageInk, tuple[Region, ...]]:
    """Two columns of three blocks each, and their exact regions in reading order."""
    image = Image.new("RGB", (600, 400), "white")
    draw = ImageDraw.Draw(image)
    rng = random.Random(0)
    words = TEXT.split()
    blocks = [(x, top) for x in COLUMNS for top in TOPS]
    for x, top in blocks:
        for line in range(3):
            text = " ".join(rng.choices(words, k=6))[:30]
            draw.text((x, top + STEP * line), text, 0, ImageFont.load_default(16))
    ink = look(np.asarray(image))
    regions = []
    for order, (x, top) in enumerate(blocks):
        rows, columns = np.nonzero(ink.mask[top : top + 100, x : x + 260])
        hull = (columns.min() + x, rows.min() + top, columns.max() + 1 + x, rows.max() + 1 + top)
        regions.append(region("text", tuple(int(v) for v in hull), order))  # type: ignore[arg-type]
    return ink, tuple(regions)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_drawn_to_the_ink(seed: int) -> None:
    ink, exact = page()
    rng = random.Random(seed)
    rough = []
    for one in exact:
        x0, y0, x1, y1 = (v + rng.randint(-7, 7) for v in one.box)
        rough.append(region("text", (x0, y0, x1, y1), one.order))
    assert snapped(rough, ink) == list(exact)


@pytest.mark.parametrize("factor", [2, 3])
def test_large_pages_are_looked_at_smaller(monkeypatch: pytest.MonkeyPatch, factor: int) -> None:
    ink, exact = page()
    pixels = np.where(ink.mask[:, :, None], 0, 255).astype(np.uint8).repeat(3, axis=2)
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)[1:, 1:]
    monkeypatch.setattr("ppocrvl.layout.ink.ENOUGH", 400 - 1)
    found = with_uncovered([], look(large))
    boxes = sorted(one.box for one in found)
    expected = sorted(one.box for one in exact)
    assert np.abs(np.array(boxes) - factor * np.array(expected)).max() <= factor


def test_what_no_ink_belongs_to_stays() -> None:
    ink, exact = page()
    empty = region("text", (0, 0, 600, 30), 0)
    turned = replace(
        exact[1], polygon=((30.0, 190.0), (200.0, 185.0), (210.0, 240.0), (40.0, 250.0))
    )
    assert snapped([empty, turned], ink) == [empty, turned]
    assert snapped([], ink) == []


@pytest.mark.parametrize("missing", range(6))
def test_a_missing_region_is_made_in_its_place(missing: int) -> None:
    ink, exact = page()
    left = [replace(r, order=i) for i, r in enumerate(r for r in exact if r.order != missing)]
    found = with_uncovered(left, ink)
    assert [one.box for one in found] == [one.box for one in exact]
    assert [one.order for one in found] == list(range(6))
    assert (found[missing].label, found[missing].score) == ("text", 0.0)


def test_nothing_is_made_where_all_is_covered() -> None:
    ink, exact = page()
    assert with_uncovered(exact, ink) == list(exact)


def test_all_ink_of_a_bare_page_gets_regions() -> None:
    ink, exact = page()
    found = with_uncovered([], ink)
    assert sorted(one.box for one in found) == sorted(one.box for one in exact)


def test_rules_frames_and_shadows_are_no_text() -> None:
    image = Image.new("RGB", (600, 400), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 540, 360), outline=0, width=2)
    draw.line((80, 100, 400, 100), 0, 2)
    draw.rectangle((590, 0, 600, 400), fill=60)
    draw.line((90, 150, 90, 340), 0, 2)
    draw.text((100, 200), "Words", 0, ImageFont.load_default(20))
    found = with_uncovered([], look(np.asarray(image)))
    assert len(found) == 1
    assert 95 < found[0].box[0] < 105
    assert found[0].box[3] - found[0].box[1] < 30


def test_what_is_higher_than_lines_is_an_image() -> None:
    image = Image.new("RGB", (600, 400), "white")
    draw = ImageDraw.Draw(image)
    for x in range(100, 300, 10):
        draw.line((x, 60, x + 30, 200), 0, 3)
    draw.line((100, 130, 330, 130), 0, 3)
    for line in range(4):
        draw.text((100, 260 + STEP * line), TEXT[:30], 0, ImageFont.load_default(16))
    found = with_uncovered([], look(np.asarray(image)))
    assert [one.label for one in found] == ["image", "text"]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (40, 3)])
def test_pages_of_any_size(size: tuple[int, int]) -> None:
    for shade in (0, 255):
        ink = look(np.full((size[1], size[0], 3), shade, np.uint8))
        assert with_uncovered([], ink) == []


def test_dust_is_bounded() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (300, 300), dtype=np.uint8) * 255
    assert len(look(np.repeat(noise[:, :, None], 3, axis=2)).pieces) <= MAX_PIECES


def iou(a: Box, b: Box) -> float:
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


TEXTS = {"doc_title", "paragraph_title", "text", "reference_content", "footnote", "algorithm"}


@needs_fonts
def test_painted_pages() -> None:
    before, after, n_lost, n_missing = [], [], 0, 0
    for number in range(8):
        rng = random.Random(number)
        painted = make(f"ink {number}")
        width, height = painted.image.size
        ink = look(np.asarray(painted.image))
        exact = [r.box for r in painted.regions if r.box is not None]
        rough = []
        for order, box in enumerate(exact):
            x0, y0, x1, y1 = (int(v) + rng.randint(-6, 6) for v in box)
            moved = (
                max(x0, 0),
                max(y0, 0),
                min(max(x1, x0 + 4), width),
                min(max(y1, y0 + 4), height),
            )
            rough.append(region(painted.regions[order].label, moved, order))
        better = snapped(rough, ink)
        before += [iou(box, one.box) for box, one in zip(exact, rough, strict=True)]
        after += [iou(box, one.box) for box, one in zip(exact, better, strict=True)]
        # Of a figure, frames and rules may stay uncovered.
        gone = rng.choice([i for i, one in enumerate(better) if one.label in TEXTS])
        bare = ink.mask.copy()
        for one in with_uncovered([*better[:gone], *better[gone + 1 :]], ink):
            bare[one.box[1] : one.box[3], one.box[0] : one.box[2]] = False
        x0, y0, x1, y1 = better[gone].box
        n_missing += int(ink.mask[y0:y1, x0:x1].sum())
        n_lost += int(bare[y0:y1, x0:x1].sum())
    assert np.mean(after) > np.mean(before) + 0.1
    assert n_lost < 0.05 * n_missing
