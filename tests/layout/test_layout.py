# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl.Layout`, with random weights: what goes in, what comes out, what fails."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import ppocrvl
from ppocrvl import errors
from ppocrvl.layout.columns import column_by_column
from ppocrvl.layout.model_file import read_options
from ppocrvl.layout.shapes import _crop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ppocrvl.requests.image_source import ImageSource


def page(width: int = 300, height: int = 400) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for i in range(12):
        draw.text((20, 20 + 30 * i), "Some words in a line", 0, ImageFont.load_default(16))
    return image


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


@pytest.fixture(scope="module")
def layout(layout_file: Path) -> Iterator[ppocrvl.Layout]:
    with ppocrvl.Layout(layout_file, n_threads=1, threshold=0.02) as found:
        yield found


def test_regions_are_on_the_page_and_in_order(layout: ppocrvl.Layout) -> None:
    regions = layout.detect(page())
    assert len(regions) > 1
    assert [region.order for region in regions] == list(range(len(regions)))
    for region in regions:
        x0, y0, x1, y1 = region.box
        assert 0 <= x0 < x1 <= 300
        assert 0 <= y0 < y1 <= 400
        assert len(region.polygon) >= 4
        assert region.label in layout.labels
        assert 0.02 < region.score <= 1


def test_all_kinds_of_images_give_the_same(layout: ppocrvl.Layout, tmp_path: Path) -> None:
    image = page()
    image.save(tmp_path / "page.png")
    data = (tmp_path / "page.png").read_bytes()
    expected = layout.detect(image)
    for source in (tmp_path / "page.png", data, BytesIO(data), pixels(image)):
        assert layout.detect(source) == expected


def test_the_file_says_what_is_not_given(layout_file: Path, helpful_file: Path) -> None:
    options = read_options(layout_file)
    assert (options.pipeline.nms_same, options.pipeline.nms_other) == (0.6, 0.98)
    assert (options.snap_to_ink, options.cover_ink, options.order_columns) == (False,) * 3
    assert options.mask_grid == (32, 32)
    options = read_options(helpful_file)
    assert (options.pipeline.nms_same, options.pipeline.nms_other) == (0.5, 0.5)
    assert (options.snap_to_ink, options.cover_ink, options.order_columns) == (True,) * 3


def test_columns_are_ordered_if_asked(helpful_file: Path) -> None:
    """The weights are random, and so is their order; the image has the boxes of one column."""
    image = page()
    found = {}
    for orders in (True, False):
        with ppocrvl.Layout(
            helpful_file, threshold=0.02, cover_ink=False, order_columns=orders
        ) as layout:
            found[orders] = layout.detect(image)
    assert found[True] != found[False]
    assert found[True] == column_by_column(found[False])


def test_thresholds(layout_file: Path) -> None:
    image = page()
    with ppocrvl.Layout(layout_file, threshold=1.0) as layout:
        assert layout.detect(image) == []
    with ppocrvl.Layout(layout_file, threshold=0.02) as layout:
        labels = {region.label for region in layout.detect(image)}
    label = min(labels)
    with ppocrvl.Layout(layout_file, threshold={label: 0.02}) as layout:
        found = layout.detect(image)
    assert label in {region.label for region in found}
    assert all(region.label == label or region.score > 0.3 for region in found)


def test_ink_is_covered_if_asked(helpful_file: Path) -> None:
    ink = pixels(page())[:, :, 0] < 128
    left = {}
    for covers in (True, False):
        with ppocrvl.Layout(helpful_file, threshold=1.0, cover_ink=covers) as layout:
            bare = ink.copy()
            for x0, y0, x1, y1 in (region.box for region in layout.detect(page())):
                bare[y0:y1, x0:x1] = False
            left[covers] = int(bare.sum())
    assert left == {True: 0, False: ink.sum()}


def test_many_images(layout: ppocrvl.Layout) -> None:
    images: list[ImageSource] = [page(), b"no image", page(200, 300), "missing.png"]
    outcomes = list(layout.detect_many(iter(images)))
    assert outcomes[0] == layout.detect(images[0])
    assert outcomes[2] == layout.detect(images[2])
    assert isinstance(outcomes[1], errors.ImageDecodeError)
    assert isinstance(outcomes[3], errors.ImageNotFoundError)
    assert (outcomes[1].index, outcomes[3].index) == (1, 3)


def test_images_are_taken_as_they_are_needed(layout: ppocrvl.Layout) -> None:
    taken = []

    def images() -> Iterator[Image.Image]:
        for i in range(100):
            taken.append(i)
            yield page(60, 60)

    outcomes = layout.detect_many(images())
    assert taken == []
    next(outcomes)
    assert len(taken) == 2
    outcomes.close()
    assert len(taken) == 2


def test_what_the_images_raise_is_raised(layout: ppocrvl.Layout) -> None:
    def images() -> Iterator[Image.Image]:
        yield page(60, 60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(layout.detect_many(images()))
    assert not [t.name for t in threading.enumerate() if t.name.startswith("ppocrvl-layout")]


def test_closed(layout_file: Path) -> None:
    layout = ppocrvl.Layout(layout_file)
    outcomes = layout.detect_many([page(60, 60)])
    layout.close()
    layout.close()
    with pytest.raises(errors.EngineError, match="closed"):
        layout.detect(page())
    with pytest.raises(errors.EngineError, match="closed"):
        layout.detect_many([page()])
    assert isinstance(next(outcomes), errors.EngineError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"threshold": {"txet": 0.5}}, "does not have"),
        ({"shape_mode": "round"}, "none of auto, rect"),
        ({"unclip": (0.0, 1.0)}, "unclip"),
        ({"merge_modes": {"text": "huge"}}, "none of union"),
        ({"merge_modes": {"txet": "large"}}, "does not have"),
        ({"model": "none"}, "needs a model"),
    ],
)
def test_options_that_cannot_be(layout_file: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.OptionError, match=words):
        ppocrvl.Layout(**{"model": layout_file, **options})


def test_no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", str(tmp_path))
    with pytest.raises(errors.ModelNotFoundError, match="ppocrvl pull"):
        ppocrvl.Layout()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (2000, 12)])
def test_pages_of_any_size(layout: ppocrvl.Layout, size: tuple[int, int]) -> None:
    for region in layout.detect(Image.new("RGB", size, "white")):
        assert region.box[2] <= size[0]
        assert region.box[3] <= size[1]


def test_masks_hold_all_that_either_way_of_cutting_wants(layout_file: Path) -> None:
    """PaddleX cuts by rounded boxes, transformers by boxes without their fractions."""
    with ppocrvl.Layout(layout_file, n_threads=1, threshold=0.02) as layout:
        found = layout._native_model().run(pixels(page()), threshold=0.02, trace=True)
        masks = layout._candidates(found).masks
    assert masks is not None
    whole = 1 / (1 + np.exp(-found["stages"]["masks"].astype(np.float64))) > 0.02
    n_pixels = 0
    for box, query, mask in zip(found["boxes"], found["queries"], masks, strict=True):
        for cut in (np.round(box), np.trunc(box)):
            wanted = _crop(whole[query].astype(np.uint8), cut.astype(int).tolist(), (300, 400))
            assert np.array_equal(_crop(mask, cut.astype(int).tolist(), (300, 400)), wanted)
            n_pixels += wanted.sum()
    assert n_pixels > 0
