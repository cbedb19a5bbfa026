# SPDX-License-Identifier: Apache-2.0
"""Frames of a video with the times at which they are shown, all or some."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.support.resources import memory_for
from ppocrvl.video.opening import load_av

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ppocrvl.video.opening import OpenVideo

SEEK_OVER = 2.0
"""Key frames between two samples from which on jumping is cheaper: of what is decoded after a jump,
half the distance of two key frames is in vain on average."""
INDEXED = frozenset(("matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"))
"""FFmpeg's names of containers with an index of key frames. In others a jump may land after the
place that was asked for."""
_EARLY_END = 1.0
"""Seconds by which a video may end before it says: rounding, a frame that is held."""
_USUAL_RATE = 25
"""Frames a second of a stream that does not say."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame and when it is on the screen.

    Attributes:
        begin: seconds from the start of the video.
        end: when the next frame follows.
        frame: PyAV's, as it was decoded.
    """

    begin: float
    end: float
    frame: Any

    def grey(self) -> NDArray[np.uint8]:
        """Brightness of the upright frame, [height, width]."""
        return self._upright("gray")

    def rgb(self) -> NDArray[np.uint8]:
        """The upright frame, [height, width, 3]."""
        return self._upright("rgb24")

    def _upright(self, form: str) -> NDArray[np.uint8]:
        with memory_for("a frame of the video"):
            pixels: NDArray[np.uint8] = self.frame.to_ndarray(format=form)
        # Counter-clockwise in degrees, as PyAV has it. Other angles than these no camera writes.
        return np.rot90(pixels, round(self.frame.rotation / 90) % 4)


class Frames:
    """Decodes frames, and knows how far it came.

    Attributes:
        n_decoded: frames so far.
        n_jumps: over how many stretches it went without decoding them.
    """

    def __init__(self, video: OpenVideo) -> None:
        self._video = video
        self._rate = float(video.stream.average_rate or video.stream.base_rate or _USUAL_RATE)
        self._last = -math.inf
        self._key: float | None = None
        self._n_gaps, self._longest_gap = 0, 0.0
        self._may_jump = video.container.format.name in INDEXED
        self.n_decoded = self.n_jumps = 0

    def all(self) -> Iterator[Shown]:
        """Every frame."""
        held: tuple[float, Any] | None = None
        for at, frame in self._decoded():
            if held is not None:
                yield Shown(held[0], at, held[1])
            held = at, frame
        if held is not None:
            yield Shown(held[0], self._end(held), held[1])

    def sampled(self, every: float) -> Iterator[Shown]:
        """The frames that are on the screen at 0, `every`, 2 `every`, … seconds, each once.

        A frame that is held for long counts with all of its time.
        """
        held: tuple[float, Any] | None = None
        wanted = 0.0
        for at, frame in self._decoded():
            if held is not None and at > wanted:
                yield Shown(held[0], at, held[1])
                wanted = every * math.ceil(at / every)
                self._jump_to(wanted, at)
            held = at, frame
        if held is not None:
            yield Shown(held[0], self._end(held), held[1])

    def _decoded(self) -> Iterator[tuple[float, Any]]:
        """Seconds and frame, in the order of time. Damage is noted, and what follows it decoded."""
        av, video = load_av(), self._video
        packets = video.container.demux(video.stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                video.note_damage(max(self._last, 0.0), error)
                break
            if packet is None:
                break
            try:
                frames = packet.decode()
            except av.EOFError:
                continue
            except av.FFmpegError as error:
                video.note_damage(max(self._last, 0.0), error)
                continue
            for frame in frames:
                yield from self._timed(frame)
        if video.duration is not None and self._last + _EARLY_END < video.duration:
            video.note_damage(max(self._last, 0.0), "it ends there")

    def _timed(self, frame: Any) -> Iterator[tuple[float, Any]]:  # noqa: ANN401 - PyAV's
        self.n_decoded += 1
        if frame.width * frame.height > MAX_IMAGE_PIXELS:  # others than the stream said
            self._video.note_damage(max(self._last, 0.0), "a frame is over the limit on pixels")
            return
        if frame.pts is None:
            at = max(self._last, 0.0) + 1 / self._rate
        else:
            at = float(frame.pts * frame.time_base) - self._video.start
        if frame.is_corrupt:
            if self._key is not None:  # else what it refers to was jumped over
                self._video.note_damage(max(at, 0.0), "a frame is corrupt")
            return
        if at <= self._last:
            self._may_jump = False  # a jump went back to what was seen
            return
        if frame.key_frame:
            if self._key is not None:
                self._n_gaps += 1
                self._longest_gap = max(self._longest_gap, at - self._key)
            self._key = at
        self._last = at
        yield at, frame

    def _jump_to(self, wanted: float, at: float) -> None:
        """Goes to the last key frame before a time, where that is cheaper than to decode up to it.

        Two distances of key frames must be known; the longest counts.
        """
        far = self._n_gaps > 1 and wanted - at > SEEK_OVER * self._longest_gap
        if not (far and self._may_jump):
            return
        av, video = load_av(), self._video
        try:
            place = round((wanted + video.start) / video.stream.time_base)
            video.container.seek(place, stream=video.stream)
        except (av.FFmpegError, OSError):
            self._may_jump = False  # of a file that cannot seek
            return
        self._key = None  # the next key frame is not the neighbour of the last
        self.n_jumps += 1

    def _end(self, held: tuple[float, Any]) -> float:
        at, frame = held
        own = frame.duration * frame.time_base if frame.duration and frame.time_base else 0
        end = at + (float(own) or 1 / self._rate)
        duration = self._video.duration
        return max(end, duration) if duration and self._video.damage is None else end
