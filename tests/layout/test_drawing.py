# SPDX-License-Identifier: Apache-2.0
"""The drawing: something of each region, and nothing elsewhere."""

from __future__ import annotations

import numpy as np
from PIL import Image
from tests.layout.test_ink import region

from ppocrvl.exporter.layout.official import LABELS
from ppocrvl.images.drawing import colour_of
from ppocrvl.layout.drawing import drawn


def test_regions_are_drawn() -> None:
    page = Image.new("RGB", (400, 300), "white")
    regions = [
        region("text", (20, 40, 180, 120), 1),
        region("table", (220, 40, 380, 120), 0),
        region("a class of its own", (20, 200, 120, 280), 2),
    ]
    image = np.asarray(drawn(page, regions)).astype(int)
    assert image.shape == (300, 400, 3)
    borders = [tuple(image[y, x]) for x, y in ((20, 80), (220, 80), (20, 240))]
    assert len(set(borders)) == 3  # each class has its colour
    assert (image[60, 60] != 255).any()  # the tint
    assert (image[290, 390] == 255).all()
    assert not np.array_equal(image[80, 100], image[60, 60])  # the number
    assert not np.array_equal(image[80, 200], (255, 255, 255))  # the line from 1 to 2
    assert np.asarray(page).min() == 255  # the page itself stays


def test_anything_can_be_drawn() -> None:
    page = Image.new("L", (3, 2), 200)
    assert drawn(page, []).size == (3, 2)
    assert drawn(page, [region("text", (0, 0, 3, 2), 0)]).mode == "RGB"


def test_white_letters_can_be_read_on_every_colour() -> None:
    """Contrast of 3 or more, as WCAG 2.2 asks for large text (1.4.3)."""
    for label in (*LABELS, "a class of its own"):
        shares = np.array(colour_of(label)) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        luminance = float(linear @ (0.2126, 0.7152, 0.0722))
        assert 1.05 / (luminance + 0.05) >= 3
