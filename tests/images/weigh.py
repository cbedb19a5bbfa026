# SPDX-License-Identifier: Apache-2.0
"""Prints the most memory, in bytes a pixel, that `load_image` took in this process for a picture.

    python weigh.py KIND

A program of its own, since what a larger process has freed would be used again unseen.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

from ppocrvl.images.load import load_image

if TYPE_CHECKING:
    from ppocrvl.requests.image_source import ImageSource

WIDTH, HEIGHT = 3000, 2000


def source(kind: str) -> ImageSource:
    """The picture to weigh."""
    ramp = np.indices((HEIGHT, WIDTH)).sum(axis=0, dtype=np.uint8)
    rgba = np.stack([ramp] * 4, axis=2)
    if kind == "float array":
        return rgba[:, :, :3] / 255.0
    if kind == "RGBA array":
        return rgba
    if kind == "I;16":
        return _png(Image.fromarray(ramp.astype(np.uint16)))
    if kind == "turned":
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        return _png(Image.fromarray(rgba).convert("RGB"), exif=exif)
    return _png(Image.fromarray(rgba).convert(kind))


def _png(picture: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, **options)
    return out.getvalue()


def memory(what: str) -> int:
    """Bytes by this line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def main() -> None:
    """Weigh one kind."""
    load_image(_png(Image.new("RGBA", (9, 9))))  # loads what is needed once
    picture = source(sys.argv[1])
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = memory("VmRSS")
    load_image(picture)
    sys.stdout.write(f"{(memory('VmHWM') - before) / (WIDTH * HEIGHT):.2f}")


if __name__ == "__main__":
    main()
