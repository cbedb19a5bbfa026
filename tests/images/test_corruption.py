# SPDX-License-Identifier: Apache-2.0
"""Damaged image files give a picture or a typed error, and nothing else."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from ppocrvl.errors import ImageError
from ppocrvl.images.load import FORMATS, load_image

COUNT = 200


def _sample(kind: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((64, 48), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"TIFF": {"compression": "tiff_lzw"}}.get(kind, {})
    buffer = io.BytesIO()
    picture.save(
        buffer,
        kind,
        **(
            options
            if kind in {"BMP", "DIB", "GIF", "JPEG2000", "PPM"}
            else {**options, "exif": exif}
        ),
    )
    return buffer.getvalue()


def _damage(data: bytes, chance: random.Random) -> bytes:
    """One of the ways in which files break; most of the damage is near the header."""
    broken = bytearray(data)
    way = chance.randrange(4)
    if way == 0:
        return bytes(broken[: chance.randrange(1, len(broken))])
    if way == 1:
        start = chance.randrange(len(broken))
        del broken[start : start + chance.randrange(1, 64)]
        return bytes(broken)
    reach = len(broken) if way == 2 else min(len(broken), 256)
    for _ in range(chance.randrange(1, 12)):
        broken[chance.randrange(reach)] = chance.choice(
            (0, 0xFF, 0x7F, 0x80, chance.randrange(256))
        )
    return bytes(broken)


@pytest.mark.filterwarnings("ignore")  # what Pillow warns about is not what is tested here
@pytest.mark.parametrize("kind", FORMATS)
def test_random_corruption(kind: str) -> None:
    data = _sample(kind)
    outcomes = {"picture": 0, "error": 0}
    lines = 0
    for seed in range(COUNT):
        broken = _damage(data, random.Random(f"{kind} {seed}"))
        try:
            picture = load_image(broken)
        except ImageError as error:
            outcomes["error"] += 1
            lines += str(error).count("\n")
        else:
            assert picture.mode == "RGB"
            outcomes["picture"] += 1
    assert lines == 0, "a message has more than one line"
    assert outcomes["error"] > COUNT // 10, "the damage is too light to test anything"
