# SPDX-License-Identifier: Apache-2.0
"""Frames come with the times at which they are shown, all or some, upright."""

from __future__ import annotations

import contextlib
import itertools
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.video.clips import CODEC, av, moving, paced, slide, write_clip

from ppocrvl.errors import PpocrvlError, VideoDamagedError
from ppocrvl.video.frames import Frames
from ppocrvl.video.opening import open_video

if TYPE_CHECKING:
    from pathlib import Path

NTSC = Fraction(30_000, 1001)
SMALL = (64, 48)


@pytest.mark.parametrize(("suffix", "rate"), [("mp4", 25), ("mkv", NTSC), ("avi", 25)])
def test_all_frames_have_the_times_of_the_stream(tmp_path: Path, suffix: str, rate: int) -> None:
    clip = write_clip(
        tmp_path / f"a.{suffix}", paced(1, lambda at: moving(at, SMALL), rate=rate), rate=rate
    )
    with open_video(clip) as video:
        found = [(one.begin, one.end) for one in Frames(video).all()]
        assert video.damage is None
    step = 1 / float(rate)
    count = round(float(rate))
    tolerance = 0.001 if suffix != "avi" else step  # it knows no times but its rate
    assert len(found) == count
    np.testing.assert_allclose(
        [begin for begin, _ in found], np.arange(count) * step, atol=tolerance
    )
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    assert found[-1][1] == pytest.approx(count * step, abs=2 * tolerance)


def test_a_frame_that_is_held_counts_with_all_its_time(tmp_path: Path) -> None:
    times = [0.0, 0.1, 2.6, 2.7, 2.8]
    clip = write_clip(tmp_path / "a.mkv", [(at, moving(at, SMALL)) for at in times])
    with open_video(clip) as video:
        found = [(round(one.begin, 2), round(one.end, 2)) for one in Frames(video).sampled(0.5)]
    # On the screen at 0, at 0.5 to 2.5, and last.
    assert found == [(0.0, 0.1), (0.1, 2.6), (2.8, 2.84)]


def test_samples_are_what_is_shown_at_their_times(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "a.mp4", paced(2, lambda at: moving(at, SMALL), rate=NTSC), rate=NTSC
    )
    with open_video(clip) as video:
        found = [(one.begin, one.end) for one in Frames(video).sampled(0.25)]
    for number, (begin, end) in enumerate(found[:-1]):
        assert begin - 1e-4 <= number * 0.25 <= end
    assert len(found) == 9


def test_the_time_of_the_container_begins_at_zero(tmp_path: Path) -> None:
    late = ((at + 1.4, pixels) for at, pixels in paced(1, lambda at: moving(at, SMALL)))
    clip = write_clip(tmp_path / "a.ts", late)
    with open_video(clip) as video:
        assert video.start == pytest.approx(1.4, abs=0.001)
        assert next(Frames(video).all()).begin == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_honoured(tmp_path: Path, degrees: int) -> None:
    upright = slide("Which side", "is up?")
    lying = np.rot90(upright, -degrees // 90)
    clip = write_clip(tmp_path / "a.mp4", paced(0.2, lambda _: lying), degrees=degrees)
    with open_video(clip) as video:
        shown = next(Frames(video).all())
        assert shown.rgb().shape == upright.shape
        assert np.abs(shown.grey().astype(int) - upright[..., 0]).mean() < 4


OPEN = ("libx264", {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0:log-level=none"})
"""What is shown before a key frame may follow it in the file."""


@pytest.mark.parametrize(
    ("suffix", "codec", "jumps"),
    [("mp4", CODEC, True), ("mkv", OPEN, True), ("ts", OPEN, False)],
)
def test_a_jump_over_key_frames_gives_the_same_samples(
    tmp_path: Path,
    suffix: str,
    codec: Any,
    jumps: bool,  # noqa: FBT001
) -> None:
    frames = list(paced(12, lambda at: moving(at, SMALL)))
    clip = write_clip(tmp_path / f"a.{suffix}", frames, key_every=5, codec=codec)
    with open_video(clip) as video:
        jumping = Frames(video)
        found = {one.begin: one.grey() for one in jumping.sampled(2)}
        assert video.damage is None
    with open_video(clip) as video:
        going = Frames(video)
        going._may_jump = False
        expected = {one.begin: one.grey() for one in going.sampled(2)}
    assert (jumping.n_jumps > 3) == jumps
    assert (jumping.n_decoded < going.n_decoded / 2) == jumps
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[at], expected[at]) for at in found)


def test_nothing_is_jumped_over_for_near_samples(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", paced(3, lambda at: moving(at, SMALL)), key_every=25)
    with open_video(clip) as video:
        frames = Frames(video)
        assert len(list(frames.sampled(0.5))) == 7
        assert frames.n_jumps == 0


def test_a_video_that_breaks_off_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", paced(4, lambda at: moving(at, SMALL)), key_every=5)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    with open_video(cut) as video:
        last = [one.begin for one in Frames(video).all()][-1]
        assert 1 < last < 3
        assert isinstance(video.damage, VideoDamagedError)
        assert "of 4.0 s" in str(video.damage)


def test_what_follows_damage_is_read_as_well(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", paced(4, lambda at: moving(at, SMALL)), key_every=5)
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for packet in packets[50:58]:  # their insides: what is around them the container would skip
        begin, end = data.find(packet) + 8, data.find(packet) + len(packet)
        data[begin:end] = random.Random(5).randbytes(end - begin)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    with open_video(broken) as video:
        times = [one.begin for one in Frames(video).all()]
        assert times == sorted(times)
        assert times[0] == 0
        assert times[-1] > 3.5
        assert isinstance(video.damage, VideoDamagedError)


def test_any_bytes_are_a_video_error_or_frames(tmp_path: Path) -> None:
    """Never another error, whatever is wrong with a file."""
    whole = write_clip(tmp_path / "a.mp4", paced(0.6, lambda at: moving(at, SMALL)))
    data = whole.read_bytes()
    chance = random.Random(7)
    for _ in range(40):
        bad = bytearray(data)
        for _ in range(chance.randint(1, 30)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        path = tmp_path / "bad.mp4"
        path.write_bytes(bad[: chance.randint(1, len(bad))])
        with contextlib.suppress(PpocrvlError), open_video(path) as video:
            list(Frames(video).all())
