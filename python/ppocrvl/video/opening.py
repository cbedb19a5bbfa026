# SPDX-License-Identifier: Apache-2.0
"""A video file, opened with what it says of itself checked before anything is decoded."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from ppocrvl.errors import (
    MissingExtraError,
    PpocrvlError,
    VideoDamagedError,
    VideoError,
    VideoNotFoundError,
)
from ppocrvl.images.frames import Frames
from ppocrvl.images.limits import MAX_IMAGE_PIXELS, check_image_size

if TYPE_CHECKING:
    from collections.abc import Iterator

VideoSource: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

FORMATS = (
    *("3gp", "asf", "avi", "flv", "gif", "h264", "hevc", "ivf", "matroska", "mov", "mp4", "mpeg"),
    *("mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "webm"),
)
"""FFmpeg's demuxers that may be used. Playlists (hls, concat, dash) are not among them: they would
open other files and addresses."""

FRAME_THREADS_BELOW = 1 << 23
"""Pixels of a frame. Each thread that decodes a frame of its own holds several; larger frames are
decoded one after the other, so that 8K takes no more memory than its codec asks for."""

_BUFFER_BYTES = 1 << 20
_MOST_IMAGE_BYTES = 64 << 20
"""Of a file that is read to see whether it is an image, for the message alone."""


@dataclass(slots=True)
class OpenVideo:
    """An open video.

    Attributes:
        name: what to call it.
        container: PyAV's.
        stream: the video stream that is read.
        start: seconds on the container's clock at which its players begin.
        duration: seconds that it says to have; None if it does not say.
        damage: what was found broken first; None so far.
    """

    name: str
    container: Any
    stream: Any
    start: float
    duration: float | None
    damage: VideoDamagedError | None = field(default=None)

    def note_damage(self, at: float, reason: object) -> None:
        """Keeps the first."""
        if self.damage is None:
            whole = "" if self.duration is None else f" of {self.duration:.1f} s"
            self.damage = VideoDamagedError(
                f"{self.name} is damaged at {at:.1f} s{whole} ({_one_line(reason)}); what could be "
                "read is kept"
            )


@contextmanager
def open_video(source: VideoSource) -> Iterator[OpenVideo]:
    """Opens a video, and closes it in the end.

    Args:
        source: a path, or a binary file object that can seek, which is left open.

    Raises:
        MissingExtraError: PyAV is not installed.
        VideoNotFoundError: there is no such file.
        VideoError: it is no video, or has no video stream.
        ImageTooLargeError: its frames are over the limit on pixels.
    """
    av = load_av()
    name = name_of_video(source)
    with _opened(source, name) as file:
        try:
            container = av.open(
                file,
                buffer_size=_BUFFER_BYTES,
                metadata_errors="replace",
                options={"format_whitelist": ",".join(FORMATS)},
            )
        except av.FFmpegError as error:
            raise _refusal(source, name, error) from error
        with container:
            yield _checked(name, container)


def load_av() -> Any:  # noqa: ANN401 - a module
    """PyAV.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            'videos need PyAV; install it with: pip install "ppocrvl[video]"'
        ) from error
    return av


@contextmanager
def _opened(source: VideoSource, name: str) -> Iterator[IO[bytes]]:
    """The file, by our own `open`: FFmpeg would take a name as an address of many kinds."""
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "read"):
            raise VideoError(
                f"a video cannot be a {type(source).__name__}; give a path or a binary file"
            )
        yield source
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - the error is of the opening alone
    except FileNotFoundError as error:
        raise VideoNotFoundError(f"no such video: {name}") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise VideoNotFoundError(f"cannot read the video {name!r}: {reason}") from error
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            raise VideoError(f"{name} is empty (0 bytes); make or fetch it again")
        yield file


def _refusal(source: VideoSource, name: str, error: Exception) -> VideoError:
    if isinstance(source, str | os.PathLike) and _is_image(source):
        return VideoError(f"{name} is an image, not a video; ppocrvl ocr reads images")
    return VideoError(
        f"{name} is no video that can be read, or its end is missing ({_one_line(error)}); make or "
        "fetch it again"
    )


def _is_image(path: str | os.PathLike[str]) -> bool:
    if Path(path).stat().st_size > _MOST_IMAGE_BYTES:
        return False
    try:
        with Frames(path):
            return True
    except PpocrvlError:
        return False


def _checked(name: str, container: Any) -> OpenVideo:  # noqa: ANN401 - PyAV's
    streams = [one for one in container.streams.video if not _is_cover(one)]
    if not streams:
        kinds = ", ".join(sorted({one.type for one in container.streams})) or "none"
        raise VideoError(f"{name} has no video stream (streams: {kinds})")
    stream = streams[0]
    codec = stream.codec_context
    if codec is None:
        raise VideoError(f"{name}: there is no decoder for its video stream; convert it first")
    check_image_size(codec.width, codec.height, MAX_IMAGE_PIXELS, f"a frame of {name}")
    codec.options = {"max_pixels": str(MAX_IMAGE_PIXELS)}  # where a later frame is larger
    large = codec.width * codec.height >= FRAME_THREADS_BELOW
    codec.thread_type = "SLICE" if large else "AUTO"
    start = (container.start_time or 0) / 1e6  # AV_TIME_BASE
    return OpenVideo(name, container, stream, start, _duration(container, stream))


def _is_cover(stream: Any) -> bool:  # noqa: ANN401 - PyAV's
    """Whether it is the cover of a song."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def _duration(container: Any, stream: Any) -> float | None:  # noqa: ANN401 - PyAV's
    """Seconds of the video stream; those of the whole may be of a longer sound."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska, as FFmpeg writes it: 00:01:02.345000000
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        pass
    alone = len([one for one in container.streams if one.type in {"audio", "video"}]) == 1
    return container.duration / 1e6 if alone and container.duration else None


def name_of_video(source: VideoSource) -> str:
    """What to call it: its path as it was given."""
    if isinstance(source, str | os.PathLike):
        return str(Path(source))
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the video"


def _one_line(error: object) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())
