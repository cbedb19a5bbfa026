# SPDX-License-Identifier: Apache-2.0
"""Videos that the tests make, and readers that know what stands in them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ppocrvl.requests.results import Result, Timings

av: Any = pytest.importorskip("av", reason='needs PyAV: pip install ".[video]"')

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.requests.request import Request

    Pixels = npt.NDArray[np.uint8]

SIZE = (320, 180)
CLOCK = 90_000
"""Ticks a second of what is written."""

CODEC = ("mpeg4", {"b": "2000000"})
"""In every build of FFmpeg, and quick."""


def moving(at: float, size: tuple[int, int] = SIZE) -> Pixels:
    """A smooth picture, each pixel of which changes with time."""
    x, y = np.arange(size[0])[None, :], np.arange(size[1])[:, None]
    red = 128 + 60 * np.sin(x / 37 + at * 2.3) + 40 * np.cos(y / 29 - at * 1.7)
    green = 120 + 70 * np.sin(x / 53 + at * 1.1) * np.cos(y / 53 - at)
    blue = 110 + 50 * np.cos(x / 61 - at * 2.9) + 0 * y
    return np.stack([red, green, blue], axis=-1).clip(0, 255).astype(np.uint8)


def captioned(
    picture: Pixels, text: str, *, size: int = 20, dark: bool = False, font: str | None = None
) -> Pixels:
    """The picture with a text in a box near its lower edge."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    face = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=face)
    width, height = image.size
    x, y = (width - int(right - left)) // 2, height - size * 2 - 6
    ink, paper = ("white", (16, 16, 16)) if dark else ("black", (255, 255, 255))
    box = (x - 14, y + top - 12, x + int(right - left) + 14, y + bottom + 12)
    draw.rectangle(box, fill=paper)
    draw.text((x - left, y), text, font=face, fill=ink)
    return np.asarray(image)


def slide(*lines: str, size: tuple[int, int] = SIZE) -> Pixels:
    """White, with lines of text."""
    image = Image.new("RGB", size, "white")
    face = ImageFont.load_default(22)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((16, 14 + 34 * number), line, font=face, fill="black")
    return np.asarray(image)


def write_clip(
    path: Path,
    frames: Iterable[tuple[float, Pixels]],
    *,
    rate: Fraction | int = 25,
    degrees: int = 0,
    key_every: int | None = None,
    codec: tuple[str, dict[str, str]] = CODEC,
) -> Path:
    """Writes frames with their times, in seconds.

    Args:
        path: its suffix says the container.
        frames: all of one size.
        rate: what the stream says of itself.
        degrees: counter-clockwise, by which a player turns it.
        key_every: frames from one key frame to the next.
        codec: name and options.
    """
    name, options = codec
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=rate, options=options)
        stream.codec_context.thread_count = 1  # the same bytes whatever the machine
        stream.pix_fmt = "yuv420p"
        if key_every is not None:
            stream.codec_context.gop_size = key_every
        if degrees:
            stream.set_display_rotation(degrees)
        # MPEG-4 counts ticks in 16 bits.
        stream.codec_context.time_base = Fraction(1, CLOCK // 2 if name == "mpeg4" else CLOCK)
        for at, pixels in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(at / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def paced(
    seconds: float, paint: Callable[[float], Pixels], *, rate: Fraction | float = 25
) -> Iterator[tuple[float, Pixels]]:
    """Frames at even times."""
    for number in range(round(seconds * float(rate))):
        at = float(number / Fraction(rate))
        yield at, paint(at)


Script = tuple[tuple[float, float, str], ...]
"""Begin, end and text of captions."""


def spoken(script: Script, at: float) -> str | None:
    return next((text for begin, end, text in script if begin <= at < end), None)


def painted(script: Script, **how: Any) -> Callable[[float], Pixels]:
    """Paints captions over a moving picture."""

    def paint(at: float) -> Pixels:
        text = spoken(script, at)
        return moving(at) if text is None else captioned(moving(at), text, **how)

    return paint


def answer(text: str, chance: float = 0.99) -> Result:
    """A reading whose tokens all have this probability."""
    return Result(
        text=text,
        finish_reason="stop",
        confidence=chance,
        task="ocr",
        image_size=(1, 1),
        resized=(28, 28),
        timings=Timings(0, 0, 0, 0, 0, 0, 1, 1, 1),
        token_ids=(1,),
        logprobs=(float(np.log(chance)),),
        token_ends=(len(text.encode()),),
    )


class Knowing:
    """A reader that says what a script has, at the time of the middle of what it is shown."""

    n_parallel = 1

    def __init__(self, say: Callable[[float], Any]) -> None:
        self.say = say
        self.pictures: list[Pixels] = []

    def ocr_many(self, images: Iterable[Request], **_: Any) -> Iterator[Any]:
        for request in images:
            assert isinstance(request.tag, tuple)
            picture: Any = request.image
            self.pictures.append(picture)
            said = self.say(sum(request.tag) / 2)
            if isinstance(said, Result):
                import dataclasses

                said = dataclasses.replace(said, tag=request.tag)
            yield said
