# SPDX-License-Identifier: Apache-2.0
"""A video through the reader: what stays on the screen is read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Unpack

from ppocrvl.errors import OptionError, PpocrvlError, ServerAccessError, VideoError
from ppocrvl.requests.options import check_flag
from ppocrvl.requests.request import Request
from ppocrvl.video.captions import Caption, VideoText
from ppocrvl.video.frames import Frames
from ppocrvl.video.looks import looked_at, on_light
from ppocrvl.video.merging import merged
from ppocrvl.video.opening import open_video
from ppocrvl.video.spans import is_cut, is_other_text, settled, touching, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ppocrvl.engine.backend import Backend
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.video.frame_options import FrameOptions
    from ppocrvl.video.looks import Look
    from ppocrvl.video.opening import OpenVideo, VideoSource
    from ppocrvl.video.spans import Span

    Progress = Callable[[float, float | None], None]
    """Called with the seconds that were looked at, and those of the whole, None if unknown."""


@dataclass(slots=True)
class Watching:
    """The frames that are looked at in an open video.

    Attributes:
        video: the video.
        options: which frames, and what of them.
        progress: told how far it came.
        n_frames: that were looked at so far.
        seconds: up to where.
    """

    video: OpenVideo
    options: FrameOptions
    progress: Progress | None = None
    n_frames: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def spans(self) -> Iterator[Span]:
        """Stretches in which the text stays, or the scene; none is left out, blank ones neither.

        Raises:
            VideoError: the video has no frame that can be decoded.
            OptionError: the region is outside of the frames.
        """
        every = self.options.every
        frames = Frames(self.video)
        shown = frames.all() if isinstance(every, str) else frames.sampled(every)
        looks = self._counted(looked_at(shown, self.options.region))
        if every == "scene":
            yield from touching(unchanged(looks, is_cut))
        else:
            yield from touching(settled(unchanged(looks, is_other_text)))
        if self.n_frames == 0:
            raise self.video.damage or VideoError(
                f"{self.video.name} has no frame that can be read; make or fetch it again"
            )

    def _counted(self, looks: Iterable[Look]) -> Iterator[Look]:
        for look in looks:
            self.n_frames += 1
            self.seconds = look.shown.end
            if self.progress is not None:
                self.progress(self.seconds, self.video.duration)
            yield look


def read_captions(
    source: VideoSource,
    backend: Backend,
    frames: FrameOptions,
    *,
    invert_dark: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ReadOptions],
) -> VideoText:
    """Reads the texts of a video.

    Args:
        source: as for `open_video`.
        backend: reads them.
        frames: which frames are looked at.
        invert_dark: whether areas that are mostly dark are inverted before they are read.
        progress: told how far it came.
        options: those of `RequestOptions`.

    Raises:
        PpocrvlError: as `ppocrvl.read_video`.
    """
    check_flag("invert_dark", invert_dark)
    trims = options.get("task", "ocr") == "ocr"  # rules of a table are no strokes
    pixels = partial(_pixels, trims=trims, invert_dark=invert_dark)
    errors: list[PpocrvlError] = []
    with open_video(source) as video:
        watching = Watching(video, frames, progress)
        readings = list(_readings(watching.spans(), pixels, backend, options, errors))
        if video.damage is not None:
            errors.append(video.damage)
        gap = frames.every if isinstance(frames.every, float | int) else 0.0
        return VideoText(
            name=video.name,
            seconds=watching.seconds,
            captions=tuple(merged(readings, gap=gap)),
            n_frames=watching.n_frames,
            n_readings=len(readings),
            errors=tuple(errors),
        )


def _pixels(span: Span, *, trims: bool, invert_dark: bool) -> NDArray[np.uint8]:
    area = span.best.pixels(trims=trims)
    return on_light(area) if invert_dark else area


def _readings(
    spans: Iterable[Span],
    pixels: Callable[[Span], NDArray[np.uint8]],
    backend: Backend,
    options: ReadOptions,
    errors: list[PpocrvlError],
) -> Iterator[Caption]:
    """What stands in each stretch that is not blank. What fails is added to the errors."""
    requests = (
        Request(pixels(span), tag=(span.begin, span.end), **options)
        for span in spans
        if not span.is_blank
    )
    for outcome in backend.ocr_many(requests):
        if isinstance(outcome, ServerAccessError | OptionError):
            raise outcome  # it would fail for every frame
        if isinstance(outcome, PpocrvlError):
            errors.append(outcome)
            continue
        assert isinstance(outcome.tag, tuple)  # noqa: S101 - that of the request
        begin, end = outcome.tag
        yield Caption(begin, end, outcome.text, outcome.confidence, outcome.min_confidence)
