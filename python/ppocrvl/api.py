# SPDX-License-Identifier: Apache-2.0
"""One-call functions. The last model stays loaded, so that a second call does not load it again."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Unpack

from ppocrvl.document.document import Document, Page
from ppocrvl.engine.answers import Handle
from ppocrvl.engine.engine import Engine
from ppocrvl.errors import OptionError
from ppocrvl.models.folder import FileKey, PathLike, built_in_note, file_key, find_model
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.jobs import page_jobs
from ppocrvl.parsing.layouts import open_layout
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.parts import NoDocument
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.sources.opening import open_document
from ppocrvl.video.frame_options import DEFAULT_EVERY, FrameOptions
from ppocrvl.video.opening import name_of_video
from ppocrvl.video.reading import read_captions
from ppocrvl.video.slides import slide_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from ppocrvl.engine.answers import Stream
    from ppocrvl.engine.backend import Backend
    from ppocrvl.parsing.parse_options import ParseKeywords
    from ppocrvl.parsing.parts import Layout, PageJob, PageRead, Reader
    from ppocrvl.parsing.sources.found import AnySource
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result
    from ppocrvl.video.area import Area
    from ppocrvl.video.captions import VideoText
    from ppocrvl.video.frame_options import Every
    from ppocrvl.video.opening import VideoSource
    from ppocrvl.video.reading import Progress

    Jobs = Callable[[ParseOptions], Iterable[PageJob | NoDocument]]

_logger = logging.getLogger("ppocrvl")

PARSE_PARALLEL = 4
"""Blocks of a document that are read at once."""


class _LastEngine:
    """The engine of the last call."""

    def __init__(self) -> None:
        self._has_told = False
        self.forget()

    def forget(self) -> None:
        """For a forked child: the engine has none of its threads there, the lock maybe no owner."""
        self._lock = threading.Lock()
        self._key: tuple[FileKey, FileKey] | None = None
        self._engine: Engine | None = None

    def get(
        self, model: PathLike | None, mmproj: PathLike | None, *, n_parallel: int = 1
    ) -> Engine:
        """The same engine if its files are the same and unchanged, else a new one.

        Args:
            model: as for `ocr`.
            mmproj: likewise.
            n_parallel: requests that it must be able to decode together.
        """
        paths = find_model(model, mmproj)
        key = (file_key(paths.llm), file_key(paths.mmproj))
        with self._lock:
            engine = self._engine
            if engine is None or self._key != key or engine.n_parallel < n_parallel:
                # Freed before the next one is loaded: two models need not fit into memory. A
                # request of another thread that still runs keeps it alive until it ends.
                engine = self._engine = None
                engine = Engine(paths.llm, mmproj=paths.mmproj, n_parallel=n_parallel)
                self._engine, self._key = engine, key
                if paths.built_in and not self._has_told:
                    self._has_told = True
                    _logger.warning("%s", built_in_note("model="))
            return engine


_last = _LastEngine()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_last.forget)


def ocr(
    image: ImageSource | Request,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    **options: Unpack[ReadOptions],
) -> Result:
    """Read one image.

    The model stays loaded until a call names another one. To control that, use `Engine`.

    Args:
        image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
            [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1. Or a `Request`,
            which has its own options.
        model: a folder with both GGUF files, or the LLM file. None: the model named by the
            environment variable PPOCRVL_MODEL, or else the built-in model.
        mmproj: the mmproj file, if it is not in the folder or beside the LLM file.
        options: those of `RequestOptions`.

    Raises:
        ImageError: the image cannot be read.
        ModelError: the model files are missing, damaged, or do not belong together.
        OptionError: an option is out of range.
        ContextError: prompt and image are longer than the model's context.
        EngineError: the engine failed.
    """
    return _last.get(model, mmproj).ocr(image, **options)


def stream(
    image: ImageSource | Request,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    **options: Unpack[ReadOptions],
) -> Stream:
    """Read one image and yield the text piece by piece; arguments and errors are those of `ocr`.

    Returns:
        An iterator over pieces of text. After the last one, its `result` holds the whole answer.
        Closing or dropping the iterator cancels the request.
    """
    return _last.get(model, mmproj).stream(image, **options)


def parse(
    source: AnySource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    layout: PathLike | Layout | None = None,
    engine: Reader | None = None,
    **options: Unpack[ParseKeywords],
) -> Document:
    """Read a document: detect its layout, then read the text, tables and formulas of each block.

    If a page or block fails, its `error` is set in the result, and the others are still read.

    Args:
        source: path of a PDF or image, a folder, a pattern such as "*.png", encoded bytes, a binary
            file object, a Pillow image, an array, or a sequence of these. Several files become one
            document.
        model: as for `ocr`.
        mmproj: likewise.
        layout: the file of a layout model, or an object with the method `detect` of `Layout`.
            "none" reads each page as one block. None: the layout model in the model's folder, or
            else the built-in one.
        engine: an `Engine` or `Client` that reads the blocks, instead of `model`. It is not closed.
        options: those of `ParseOptions`, and those of `RequestOptions` except task, prompt,
            messages and draft.

    Raises:
        DocumentError: there is no document, or it cannot be opened.
        ImageError: the source is an image that cannot be opened.
        ModelError: model files are missing, damaged, or do not belong together.
        OptionError: an option is out of range.
        EngineError: a model cannot be loaded.
    """
    reading = _Parsing(partial(_document_jobs, source), (model, mmproj), layout, engine, options)
    return reading.document(Handle())


def parse_pages(
    source: AnySource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    layout: PathLike | Layout | None = None,
    engine: Reader | None = None,
    **options: Unpack[ParseKeywords],
) -> Generator[Page]:
    """Like `parse`, but yields each page, in order, as soon as it is read.

    Pages are rendered as they are needed, and memory does not grow with their number. Closing or
    dropping the generator cancels reading.

    Yields:
        Pages. They lack what depends on the whole document, such as tables joined over pages and
        the levels of headings.

    Raises:
        PpocrvlError: as `parse`. Errors of the document are raised when the first page is
            requested.
    """
    jobs = partial(_document_jobs, source)
    return _Parsing(jobs, (model, mmproj), layout, engine, options).pages()


async def aparse(
    source: AnySource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    layout: PathLike | Layout | None = None,
    engine: Reader | None = None,
    **options: Unpack[ParseKeywords],
) -> Document:
    """Like `parse`, for asyncio; runs in a thread of the event loop's executor.

    Cancelling the task cancels all requests.

    Raises:
        PpocrvlError: as `parse`.
    """
    reading = _Parsing(partial(_document_jobs, source), (model, mmproj), layout, engine, options)
    handle = Handle()
    try:
        return await asyncio.to_thread(reading.document, handle)
    except asyncio.CancelledError:
        handle.stop()
        raise


def read_video(
    source: VideoSource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    engine: Backend | None = None,
    every: Every = DEFAULT_EVERY,
    region: Area = None,
    invert_dark: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ReadOptions],
) -> VideoText:
    """Read the texts of a video, with their times: captions, signs, what a screen shows.

    What stays on the screen is read once. Frames are decoded one after the other: memory does not
    grow with the video. What is damaged is noted in the result, and the rest is read.

    Args:
        source: a path, or a binary file object that can seek.
        model: as for `ocr`.
        mmproj: likewise.
        engine: reads the frames, in place of a model: an `Engine` or `Client`. It is left open.
        every: seconds from one frame that is looked at to the next, 0.01 to 3600; times are exact
            to half of it. "frame": all frames. "scene": all, and one of each scene is read.
        region: (x0, y0, x1, y1) in pixels of the upright frame, or "bottom", its lowest third.
        invert_dark: invert what is mostly dark before it is read. For models that read dark
            letters on light better, as the built-in one.
        progress: called with the seconds that were looked at, and those of the whole or None.
        options: those of `RequestOptions`. For the task "ocr" a frame is cut to its letters.

    Raises:
        MissingExtraError: PyAV is not installed.
        VideoError: there is no such file, or it is no video, or no frame of it can be decoded.
        ImageTooLargeError: its frames are over the limit on pixels.
        ModelError: the model files are missing, damaged, or do not belong together.
        OptionError: an option is out of range, or the region outside of the frames.
        EngineError: the engine failed.
    """
    frames = FrameOptions(every=every, region=region)
    _check_one_reader(engine, (model, mmproj))
    backend = engine or _last.get(model, mmproj, n_parallel=PARSE_PARALLEL)
    return read_captions(
        source, backend, frames, invert_dark=invert_dark, progress=progress, **options
    )


def read_slides(
    source: VideoSource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    layout: PathLike | Layout | None = None,
    engine: Reader | None = None,
    every: Every = DEFAULT_EVERY,
    region: Area = None,
    page_images: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ParseKeywords],
) -> Document:
    """Read the slides of a recorded talk: a document whose pages are what the video shows.

    The notes of a page say from when to when it was shown. A video that is damaged has a last page
    with that error.

    Args:
        source: as for `read_video`.
        model: as for `ocr`.
        mmproj: likewise.
        layout: as for `parse`.
        engine: likewise.
        every: as for `read_video`.
        region: likewise.
        page_images: keep an image of each page, for formats that show it.
        progress: as for `read_video`; it is called in another thread.
        options: those of `parse` that are not about files of documents.

    Raises:
        PpocrvlError: as `read_video` and `parse`.
    """
    wrong = [name for name in ("pages", "dpi", "password", "text_layer") if name in options]
    if wrong:
        raise OptionError(f"{wrong[0]} is not for videos")
    frames = FrameOptions(every=every, region=region)
    reading = _Parsing(
        lambda _: slide_jobs(source, frames, progress),
        (model, mmproj),
        layout,
        engine,
        options,
        page_images=page_images,
    )
    pages = tuple(reading.pages())  # each by itself: no paragraph goes on on the next slide
    return Document.of(name_of_video(source), len(pages), pages)


def _document_jobs(source: AnySource, options: ParseOptions) -> Iterable[PageJob | NoDocument]:
    opened = partial(open_document, source, dpi=options.dpi, password=options.password)
    return page_jobs([opened], pages=options.pages)


class _Parsing:
    """One call of the functions above."""

    def __init__(
        self,
        jobs: Jobs,
        files: tuple[PathLike | None, PathLike | None],
        layout: PathLike | Layout | None,
        engine: Reader | None,
        options: ParseKeywords,
        *,
        page_images: bool = False,
    ) -> None:
        _check_one_reader(engine, files)
        self._jobs, self._files, self._layout, self._engine = jobs, files, layout, engine
        self._options = ParseOptions.of(options)
        self._page_images = page_images

    def document(self, handle: Handle) -> Document:
        """All pages, as a whole; stopping the handle ends it with a CancelledError."""
        with ExitStack() as stack:
            pages = self._begin(stack)
            handle.follow(pages)
            read = [_page(one) for one in pages]
        job = read[0].job
        data = finish_document([one.data for one in read])
        return Document.of(job.name, job.n_in_document, data)

    def pages(self) -> Generator[Page]:
        """One after the other."""
        with ExitStack() as stack:
            for one in self._begin(stack):
                (data,) = finish_document([_page(one).data])
                yield Page.of(data)

    def _begin(self, stack: ExitStack) -> Pages:
        options = self._options
        model, mmproj = self._files
        reader = self._engine or _last.get(model, mmproj, n_parallel=PARSE_PARALLEL)
        layout = stack.enter_context(open_layout(self._layout, model))
        parts = options.parts(layout, reader, page_images=self._page_images)
        return stack.enter_context(Pages(self._jobs(options), parts))


def _check_one_reader(engine: object, files: tuple[PathLike | None, PathLike | None]) -> None:
    if engine is not None and files != (None, None):
        raise OptionError("give a model or an engine, which has one of its own")


def _page(one: PageRead | NoDocument) -> PageRead:
    if isinstance(one, NoDocument):
        raise one.error
    return one
