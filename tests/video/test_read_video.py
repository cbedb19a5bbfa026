# SPDX-License-Identifier: Apache-2.0
"""Captions of videos: texts, times, and how often the model reads."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.parsing.fakes import result as parsed
from tests.video.clips import (
    Knowing,
    answer,
    captioned,
    moving,
    paced,
    painted,
    slide,
    spoken,
    write_clip,
)

import ppocrvl
from ppocrvl.errors import (
    EngineError,
    OptionError,
    ServerAccessError,
    VideoDamagedError,
    VideoError,
)
from ppocrvl.parsing.parts import WholePage

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from tests.video.clips import Script

SCRIPT: Script = (
    (0.6, 2.1, "We saw the island."),
    (2.1, 3.5, "It is 12:01 now."),
    (4.2, 5.4, "It is 12:02 now."),
)
SECONDS = 6
NTSC = Fraction(30_000, 1001)


def knows(say: Callable[[float], Any]) -> Any:
    """A reader, as far as it is needed."""
    return Knowing(say)


def knowing() -> Any:
    return knows(lambda at: answer(spoken(SCRIPT, at) or "nothing"))


def uneven(seconds: float) -> Any:
    """Frames of a variable rate, those of the script's changes included."""
    chance = np.random.default_rng(4)
    times = {0.0, *(at for begin, end, _ in SCRIPT for at in (begin, end))}
    times |= {round(float(at), 3) for at in chance.uniform(0, seconds, 60)}
    return [(at, painted(SCRIPT)(at)) for at in sorted(times)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    paint = painted(SCRIPT)
    return {
        "25": write_clip(folder / "even.mp4", paced(SECONDS, paint)),
        "29.97": write_clip(folder / "ntsc.mp4", paced(SECONDS, paint, rate=NTSC), rate=NTSC),
        "variable": write_clip(folder / "uneven.mkv", uneven(SECONDS)),
    }


@pytest.mark.parametrize("clip", ["25", "29.97", "variable"])
def test_each_caption_is_read_once(clips: dict[str, Path], clip: str) -> None:
    reader = knowing()
    read = ppocrvl.read_video(clips[clip], engine=reader)
    assert [one.text for one in read.captions] == [text for _, _, text in SCRIPT]
    assert read.n_readings == len(reader.pictures) == len(SCRIPT)
    for caption, (begin, end, _) in zip(read.captions, SCRIPT, strict=True):
        assert abs(caption.begin - begin) <= 0.3
        assert abs(caption.end - end) <= 0.3
    assert read.errors == ()
    assert read.seconds == pytest.approx(SECONDS, abs=0.3)


def test_every_frame_gives_exact_times(clips: dict[str, Path]) -> None:
    read = ppocrvl.read_video(clips["25"], engine=knowing(), every="frame")
    assert read.n_frames == 25 * SECONDS
    for caption, (begin, end, _) in zip(read.captions, SCRIPT, strict=True):
        assert (caption.begin, caption.end) == pytest.approx((begin, end), abs=0.04)


def test_the_reader_sees_the_letters_alone(clips: dict[str, Path]) -> None:
    reader = knowing()
    ppocrvl.read_video(clips["25"], engine=reader, region="bottom")
    assert all(picture.shape[0] < 45 for picture in reader.pictures)


def test_a_table_is_read_with_all_around(clips: dict[str, Path]) -> None:
    reader = knowing()
    region = (10, 100, 310, 180)
    ppocrvl.read_video(clips["25"], engine=reader, region=region, task="table")
    assert {picture.shape for picture in reader.pictures} == {(80, 300, 3)}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("invert_dark", [False, True])
def test_what_is_dark_is_inverted_if_asked(
    tmp_path: Path,
    dark: bool,  # noqa: FBT001
    invert_dark: bool,  # noqa: FBT001
) -> None:
    shown = captioned(np.full((180, 320, 3), 128, np.uint8), "Hello", dark=dark)
    clip = write_clip(tmp_path / "a.mp4", paced(0.4, lambda _: shown))
    reader = knows(lambda _: answer("Hello"))
    ppocrvl.read_video(clip, engine=reader, invert_dark=invert_dark)
    (picture,) = reader.pictures
    assert (np.median(picture) < 128) == (dark and not invert_dark)


def test_a_region_without_text_is_not_read(clips: dict[str, Path]) -> None:
    reader = knowing()
    read = ppocrvl.read_video(clips["25"], engine=reader, region=(0, 0, 320, 90))
    assert (read.captions, reader.pictures) == ((), [])


def test_a_scene_is_read_once(tmp_path: Path) -> None:
    dark = captioned(np.full((180, 320, 3), 30, np.uint8), "Night")
    light = captioned(np.full((180, 320, 3), 190, np.uint8), "Day")
    clip = write_clip(tmp_path / "a.mp4", paced(2, lambda at: dark if at < 1 else light))
    reader = knows(lambda at: answer("Night" if at < 1 else "Day"))
    read = ppocrvl.read_video(clip, engine=reader, every="scene")
    assert [one.text for one in read.captions] == ["Night", "Day"]
    times = [at for one in read.captions for at in (one.begin, one.end)]
    assert times == pytest.approx([0, 1, 1, 2], abs=0.05)


def test_a_frame_that_cannot_be_read_is_an_error_beside_the_others(clips: dict[str, Path]) -> None:
    broken = EngineError("no")
    reader = knows(lambda at: broken if 2.2 < at < 3.5 else answer(spoken(SCRIPT, at) or ""))
    read = ppocrvl.read_video(clips["25"], engine=reader)
    assert [one.text for one in read.captions] == [SCRIPT[0][2], SCRIPT[2][2]]
    assert read.errors == (broken,)


@pytest.mark.parametrize("error", [ServerAccessError("no way"), OptionError("no such task")])
def test_what_fails_for_every_frame_ends_it(clips: dict[str, Path], error: Exception) -> None:
    with pytest.raises(type(error)):
        ppocrvl.read_video(clips["25"], engine=knows(lambda _: error))


def test_a_video_that_breaks_off(clips: dict[str, Path], tmp_path: Path) -> None:
    data = clips["variable"].read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    read = ppocrvl.read_video(cut, engine=knowing())
    assert read.captions[0].text == SCRIPT[0][2]
    (error,) = read.errors
    assert isinstance(error, VideoDamagedError)
    assert error.exit_code == 14


def test_no_frame_at_all(tmp_path: Path, clips: dict[str, Path]) -> None:
    data = clips["variable"].read_bytes()
    head = tmp_path / "head.mkv"
    head.write_bytes(data[:700])  # the header, and not one frame
    with pytest.raises(VideoError):
        ppocrvl.read_video(head, engine=knowing())


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"every": "never"},
        {"every": float("nan")},
        {"region": "top"},
        {"region": (5, 5, 5, 9)},
        {"region": (400, 0, 500, 90)},
        {"task": "none"},
        {"invert_dark": "yes"},
    ],
)
def test_options_out_of_range(clips: dict[str, Path], wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        ppocrvl.read_video(clips["25"], engine=knowing(), **wrong)


def test_progress_is_told(clips: dict[str, Path]) -> None:
    told: list[tuple[float, float | None]] = []
    ppocrvl.read_video(
        clips["25"],
        engine=knowing(),
        progress=lambda at, whole: told.append((at, whole)),
    )
    assert told == sorted(told)
    at, whole = told[-1]
    assert at == whole == pytest.approx(SECONDS)


class Page:
    """Reads whatever it gets as this."""

    n_parallel = 1

    def submit(self, request: Any) -> Future[Any]:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        height = request.image.shape[0]
        future.set_result(parsed(f"A slide of {height} rows."))
        return future


def fading(at: float) -> np.ndarray:
    share = min(max((at - 1.5) / 0.6, 0), 1)
    first, second = slide("The first slide"), slide("Another slide", "follows it")
    return (first * (1 - share) + second * share).astype(np.uint8)


def test_slides_are_pages(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "talk.mp4", paced(3.5, fading))
    document = ppocrvl.read_slides(clip, engine=Page(), layout=WholePage(), page_images=True)
    assert document.stem == "talk"
    assert [page.blocks[0].text for page in document.pages] == ["A slide of 180 rows."] * 2
    assert all(page.image is not None for page in document.pages)
    ((first,), (second,)) = (page.notes for page in document.pages)
    assert first.startswith("shown from 00:00:00.000 to 00:00:0")
    assert second.endswith(" to 00:00:03.520")  # 88 frames
    with pytest.raises(OptionError, match="pages is not for videos"):
        ppocrvl.read_slides(clip, engine=Page(), layout=WholePage(), pages="1")


def test_slides_of_a_damaged_video(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "talk.mkv", paced(3, fading))
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    *pages, last = ppocrvl.read_slides(clip, engine=Page(), layout=WholePage()).pages
    assert pages
    assert last.error is not None
    assert "is damaged at" in last.error


def test_no_slides_where_there_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoError):
        ppocrvl.read_slides(tmp_path / "none.mp4", engine=Page(), layout=WholePage())


LARGE = (7680, 4320)
_WEIGH = """
import resource, sys
from ppocrvl.video.opening import open_video
from ppocrvl.video.frame_options import FrameOptions
from ppocrvl.video.reading import Watching
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_video(sys.argv[1]) as video:
    watching = Watching(video, FrameOptions())
    spans = [(one.begin, one.best.pixels(trims=True).shape) for one in watching.spans()]
assert len(spans) == 1 and not video.damage, (spans, video.damage)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: ru_maxrss is in kilobytes there")
def test_frames_of_8k_take_bounded_memory(tmp_path: Path) -> None:
    """A frame is 50 MB as it is decoded and 100 MB as RGB; a decoder holds a few of them."""
    large = np.asarray(slide("Large"))
    large = np.kron(large, np.ones((24, 24, 1), np.uint8))
    assert large.shape[:2] == (LARGE[1], LARGE[0])
    peaks = []
    for count in (2, 6):
        clip = write_clip(tmp_path / f"{count}.mp4", [(n * 0.2, large) for n in range(count)])
        done = subprocess.run(
            [sys.executable, "-c", _WEIGH, str(clip)],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
            env={**os.environ},
        )
        peaks.append(int(done.stdout) / 1024)
    assert max(peaks) < 1200  # MB
    assert peaks[1] < peaks[0] + 150


@pytest.mark.slow
def test_the_built_in_model_reads_captions(tmp_path: Path) -> None:
    script: Script = ((0.4, 1.6, "We saw the island."), (1.6, 3.0, "Who wrote this letter?"))
    size = (480, 270)

    def paint(at: float) -> np.ndarray:
        text = spoken(script, at)
        return moving(at, size) if text is None else captioned(moving(at, size), text, size=24)

    clip = write_clip(tmp_path / "a.mp4", paced(3.4, paint))
    with ppocrvl.Engine() as engine:
        read = ppocrvl.read_video(clip, engine=engine)
    assert [one.text for one in read.captions] == [text for _, _, text in script]
    assert read.n_readings == 2
