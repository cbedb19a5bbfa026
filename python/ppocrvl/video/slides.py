# SPDX-License-Identifier: Apache-2.0
"""The slides of a video as pages of a document."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from ppocrvl.parsing.parts import PageJob
from ppocrvl.parsing.sources.source import RenderedPage
from ppocrvl.video.opening import open_video
from ppocrvl.video.reading import Watching
from ppocrvl.video.writers import clock

if TYPE_CHECKING:
    from collections.abc import Generator

    from ppocrvl.errors import PpocrvlError
    from ppocrvl.parsing.parts import Render
    from ppocrvl.video.frame_options import FrameOptions
    from ppocrvl.video.opening import VideoSource
    from ppocrvl.video.reading import Progress
    from ppocrvl.video.spans import Span


def slide_jobs(
    source: VideoSource, frames: FrameOptions, progress: Progress | None = None
) -> Generator[PageJob]:
    """A page for each stretch in which what is shown stays; its notes say when that is.

    A video that is damaged has a last page that failed.

    Args:
        source: as for `open_video`; it is open until the generator ends.
        frames: which frames are looked at, and what of them.
        progress: told how far it came.

    Raises:
        PpocrvlError: as `ppocrvl.read_slides`.
    """
    with open_video(source) as video:
        index = 0
        for span in Watching(video, frames, progress).spans():
            if not span.is_blank:
                yield _job(video.name, index, partial(_rendered, index, span))
                index += 1
        if video.damage is not None:
            yield _job(video.name, index, partial(_fail, video.damage))


def _job(name: str, index: int, render: Render) -> PageJob:
    """Of how many pages it is one, nobody knows yet."""
    return PageJob(
        document=0,
        name=name,
        n_in_document=index + 1,
        index=index,
        n_pages=index + 1,
        is_last=False,
        render=render,
    )


def _rendered(index: int, span: Span) -> RenderedPage:
    pixels = span.best.pixels(trims=False)
    height, width = pixels.shape[:2]
    return RenderedPage(
        index=index,
        pixels=pixels,
        dpi=0.0,
        rotation=0,
        width_points=float(width),
        height_points=float(height),
        notes=(f"shown from {clock(span.begin)} to {clock(span.end)}",),
    )


def _fail(error: PpocrvlError) -> NoReturn:
    raise error
