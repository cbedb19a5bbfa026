# SPDX-License-Identifier: Apache-2.0
"""What a picture takes of memory, and what is said where there is too little."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ppocrvl.errors import EngineError, ImageDecodeError
from ppocrvl.images import memory
from ppocrvl.images.load import FORMATS, load_image
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
MIB = 1 << 20
RELEASE = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""Makes glibc give back at once what is freed, so that a limit on memory is felt."""

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")


def output_of(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, HERE / program, *arguments],
        env={**os.environ, **RELEASE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def traced() -> Iterator[None]:
    """Python counts what is allocated through it."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_no_more_is_reserved_than_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", (8, 8)).save(path)
    with path.open("rb") as file:
        for source in (path, file):
            load_image(source)
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB


@pytest.mark.usefixtures("traced")
def test_error_that_is_kept_keeps_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(32 * MIB))
    with pytest.raises(ImageDecodeError) as caught:
        load_image(path)
    assert caught.value.__cause__ is not None
    assert tracemalloc.get_traced_memory()[0] < MIB


@needs_proc
@pytest.mark.parametrize("kind", FORMATS)
def test_want_of_memory_is_said_to_be_that(kind: str) -> None:
    """Most decoders call it a broken file; the engine's user must not throw the file away."""
    outcomes = json.loads(output_of("starve.py", kind))
    assert set(outcomes) == {"EngineError", "ok"}
    enough = outcomes.index("ok")
    assert outcomes[enough:] == ["ok"] * (len(outcomes) - enough)


@needs_proc
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("RGB", 5),  # Pillow keeps RGB in 4 bytes: the picture alone
        ("RGBA", 10),
        ("LA", 10),
        ("I;16", 8),
        ("turned", 9),
        ("RGBA array", 6),
        ("float array", 8),
    ],
)
def test_bytes_a_pixel(kind: str, most: float) -> None:
    assert float(output_of("weigh.py", kind)) <= most


def test_array_for_which_memory_does_not_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "fromarray", fail)
    with pytest.raises(EngineError, match=r"^not enough memory to read the array"):
        load_image(np.zeros((9, 9), np.uint8))


def test_resize_for_which_memory_does_not_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    picture = Image.new("RGB", (90, 90))
    monkeypatch.setattr(Image.Image, "resize", fail)
    with pytest.raises(EngineError, match=r"^not enough memory to resize an image to 112 x 112"):
        resize_to_pixels(picture, min_pixels=12_000, max_pixels=1_000_000)
    with pytest.raises(EngineError, match=r"^not enough memory to enlarge"):
        enlarge_for_spotting(picture)


def test_damaged_file_is_called_damaged_where_memory_suffices() -> None:
    out = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(out, "JPEG2000")
    with pytest.raises(ImageDecodeError, match="damaged"):
        load_image(out.getvalue()[:-40])


def test_a_small_picture_takes_more_than_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder of 100 kB that could not be had is no damage of a picture of one pixel."""

    def empty(size: int, _: object) -> None:
        if size > 1 << 20:
            raise MemoryError

    monkeypatch.setattr(memory, "np", SimpleNamespace(empty=empty, uint8=np.uint8))
    with pytest.raises(MemoryError), memory.decoding(1, 1):
        raise OSError("broken data stream")
