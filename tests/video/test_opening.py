# SPDX-License-Identifier: Apache-2.0
"""What is no video is refused in one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from tests.video.clips import av, moving, paced, write_clip

from ppocrvl.errors import ImageTooLargeError, MissingExtraError, VideoError, VideoNotFoundError
from ppocrvl.video import opening
from ppocrvl.video.opening import open_video

if TYPE_CHECKING:
    from pathlib import Path

SMALL = (64, 48)


def refused(source: object, kind: type[Exception] = VideoError) -> str:
    with pytest.raises(kind) as caught, open_video(source):  # type: ignore[arg-type]
        pass
    return str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.mp4", VideoNotFoundError).startswith("no such video")
    assert "directory" in refused(tmp_path, VideoNotFoundError).lower()


def test_nothing_in_it(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "is empty (0 bytes)" in refused(empty)


def test_other_bytes(tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(np.random.default_rng(1).bytes(5000))
    assert "is no video that can be read" in refused(other)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_an_image(tmp_path: Path, suffix: str) -> None:
    image = tmp_path / f"image.{suffix}"
    Image.new("RGB", (40, 30)).save(image)
    assert "is an image, not a video; ppocrvl ocr reads images" in refused(image)


def test_sound_alone(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mkv"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "has no video stream (streams: audio)" in refused(sound)


def test_a_list_of_other_files_is_not_followed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.ts", paced(0.4, lambda at: moving(at, SMALL)))
    for name, text in (
        ("a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("a.ffconcat", f"ffconcat version 1.0\nfile '{clip}'\n"),
    ):
        listing = tmp_path / name
        listing.write_text(text)
        assert "is no video that can be read" in refused(listing)


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no such video" in refused("http://127.0.0.1:1/a.mp4", VideoNotFoundError)


def test_frames_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "a.mp4", paced(0.2, lambda at: moving(at, SMALL)))
    monkeypatch.setattr(opening, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    assert "64 x 48 pixels, over the limit" in refused(clip, ImageTooLargeError)


def test_a_file_object_is_left_open(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", paced(0.2, lambda at: moving(at, SMALL)))
    with clip.open("rb") as file:
        with open_video(file) as video:
            assert video.name == str(clip)
        assert not file.closed


def test_what_is_neither_a_path_nor_a_file() -> None:
    assert "a video cannot be a bytes" in refused(b"...")


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert 'pip install "ppocrvl[video]"' in refused("a.mp4", MissingExtraError)


def test_pyav_is_loaded_late() -> None:
    code = (
        "import sys, ppocrvl, ppocrvl.cli.video, ppocrvl.video.writers; "
        "assert not {'av', 'numpy'} & set(sys.modules); "
        "ppocrvl.read_video, ppocrvl.read_slides; assert 'av' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
