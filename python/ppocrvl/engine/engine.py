# SPDX-License-Identifier: Apache-2.0
"""The engine: one loaded model that answers requests."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import threading
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar, Unpack

from ppocrvl.engine.answers import Answer, AsyncStream, Handle, Stream
from ppocrvl.engine.background import BackgroundRequest
from ppocrvl.engine.forks import Home
from ppocrvl.engine.many import async_outcomes, outcomes
from ppocrvl.engine.notifier import Notifier
from ppocrvl.engine.pending import PendingAnswer
from ppocrvl.engine.preparing import PreparingThreads
from ppocrvl.engine.retries import Attempts
from ppocrvl.engine.stages import Stages
from ppocrvl.errors import CancelledError, EngineError, PpocrvlError
from ppocrvl.images.keep import kept, repeatable, stays
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.pixels import pixels_for_model
from ppocrvl.models.folder import ModelPaths, PathLike, find_model
from ppocrvl.requests.options import (
    DEFAULT_MAX_TOKENS,
    GUESSED,
    MOST,
    Message,
    RequestOptions,
    check_int,
    check_messages,
    check_text,
)
from ppocrvl.requests.request import Request, next_about
from ppocrvl.requests.tasks import Task, find_task
from ppocrvl.support.closing import Closing
from ppocrvl.support.native import _native
from ppocrvl.support.resources import memory_for, thread_for

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Generator,
        Iterable,
        Sequence,
    )
    from concurrent.futures import Executor

    import numpy as np
    import numpy.typing as npt

    from ppocrvl.engine.many import Item
    from ppocrvl.images.pixels import Pixels
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.results import Outcome, Result

MAX_PARALLEL = 64
DEFAULT_CACHE_BYTES = 64 << 20
_Value = TypeVar("_Value")
_logger = logging.getLogger("ppocrvl")


class Engine(Closing):
    """A loaded model that reads several images at once. Safe to use from several threads.

    Args:
        model: a folder with both GGUF files, or the LLM file. None: the model named by
            PPOCRVL_MODEL, or else the built-in model.
        mmproj: the mmproj file, if it is not in the folder or beside the LLM file.
        n_threads: CPU threads; 0 for one per physical core, fewer for a small model. Never more
            than the CPUs that the process may use (affinity, the container's quota).
        device: what computes: "cpu", a GPU by a name that `ppocrvl doctor` lists ("Vulkan0", or
            "vulkan:0"), or "auto" for the first GPU with enough free memory, else the CPU. Never
            more than one GPU.
        vision_device: the same for the vision encoder alone. None: `device`.
        text_device: the same for the language model alone. None: `device`.
        precision: number formats of the vision encoder. "auto": attention and GELU in float32,
            linear layers in the precision of their weights' type. "exact": float32 for everything,
            on the CPU alone. "fast": some linear layers in int8 if the CPU has AVX512-VNNI but no
            AMX, unless the file is float32; with llama.cpp's operations (`kernels="ggml"`),
            attention with half-precision keys and values, and a half-precision GELU.
        kernels: the CPU kernels of the vision encoder, and of the language model in steps with
            several tokens (prompts, several answers). "ggml" for llama.cpp's operations; "amx",
            "avx512_bf16" (bfloat16 operands), "avx512", "avx2" (float32), "avx512_int16",
            "avx2_int16" (linear layers in int16), "avx512_bf16_int8", "avx512_int8" (int8 in some
            of the encoder's layers), on ARM "neon_bf16" (bfloat16) and "neon" (float32), if the CPU
            supports them; "auto" for the fastest that `precision` allows. With other kernels than
            "ggml", precision "auto" rounds the operands of products unless the file is float32: to
            bfloat16, also in attention, or to int16 in linear layers.
        max_image_pixels: limit on width * height of an image before it is resized.
        n_parallel: number of requests that decode together, 1 to 64; others wait.
        kv_tokens: size of the KV cache in tokens, for all requests together (18 KiB per token for
            the official model). A request takes prompt + image + `max_tokens` of them. 0 for
            n_parallel requests of the usual size.
        encode_threads: threads that encode images while the others decode. 0: encoding and decoding
            alternate, each on all threads.
        max_waiting: size of the queue. If it is full, a further call waits before it is queued, or
            is refused (see `submit`).
        cache_bytes: memory for the cache of encoded images, which then need not be encoded again.
        deterministic: a request gets the same answer whatever other requests run; this is slower.

    Attributes:
        paths: the two files.
        info: what the files say about the model.
        devices: the names of the devices that compute "vision" and "text" and hold the "kv_cache".
        notes: what differs from what was asked for, a line each: "auto" that gave way to a device's
            memory, threads beyond the CPUs. They are logged as warnings.
        n_parallel: as given.
        takes_drafts: whether the `draft` of a request is used; it is not if `deterministic`.

    Raises:
        ModelError: the files are missing, damaged, or do not belong together.
        EngineError: the model cannot be loaded, or a device that was named has too little memory.
        OptionError: an option is out of range, or there is no such device.
    """

    def __init__(
        self,
        model: PathLike | None = None,
        *,
        mmproj: PathLike | None = None,
        n_threads: int = 0,
        device: str = "auto",
        vision_device: str | None = None,
        text_device: str | None = None,
        precision: str = "auto",
        kernels: str = "auto",
        max_image_pixels: int = MAX_IMAGE_PIXELS,
        n_parallel: int = 1,
        kv_tokens: int = 0,
        encode_threads: int = 0,
        max_waiting: int = 256,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        deterministic: bool = False,
    ) -> None:
        check_int("n_threads", n_threads, 0, 1024)
        check_int("max_image_pixels", max_image_pixels, 1, MOST)
        check_int("n_parallel", n_parallel, 1, MAX_PARALLEL)
        check_int("kv_tokens", kv_tokens, 0, MOST)
        check_int("encode_threads", encode_threads, 0, 1024)
        check_int("max_waiting", max_waiting, 1, MOST)
        check_int("cache_bytes", cache_bytes, 0, 2**62)
        self.paths: ModelPaths = find_model(model, mmproj)
        self._max_image_pixels = max_image_pixels
        self.n_parallel = n_parallel
        self.takes_drafts = not deterministic
        self._lock = threading.Lock()  # guards the next one
        self._notifier: Notifier | None = None
        self._preparing = PreparingThreads(max_waiting)
        self._home = Home()
        self._native: _native.Engine | None = _native.Engine(
            _native.EngineOptions(
                llm=str(self.paths.llm),
                mmproj=str(self.paths.mmproj),
                n_threads=n_threads,
                device=_device("device", device),
                vision_device=_device("vision_device", vision_device),
                text_device=_device("text_device", text_device),
                precision=precision,
                kernels=kernels,
                n_parallel=n_parallel,
                kv_tokens=kv_tokens,
                encode_threads=encode_threads,
                max_waiting=max_waiting,
                cache_bytes=cache_bytes,
                deterministic=deterministic,
            )
        )
        self.info: _native.ModelInfo = self._native.info
        self.devices: dict[str, str] = self._native.devices
        self.notes: tuple[str, ...] = tuple(self._native.notes)
        for line in self.notes:
            _logger.warning("%s", line)

    def ocr(self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]) -> Result:
        """Read one image.

        Args:
            image: as for `stream`.
            options: those of `RequestOptions`.

        Raises:
            PpocrvlError: as `stream`; also EngineError if the engine fails while reading.
        """
        first = Request.of(image, options)
        attempts = Attempts(first)
        request = self._repeatable(first)
        asked: Request | None = request
        while asked is not None:
            try:
                with Stream(self._start(asked)) as stream:
                    result = stream.wait()
            except PpocrvlError as error:
                asked = next_about(request, attempts.fail(error))
            else:
                asked = next_about(request, attempts.next(result))
        return attempts.best()

    def ocr_many(
        self,
        images: Iterable[Item],
        *,
        ordered: bool = True,
        **options: Unpack[ReadOptions],
    ) -> Generator[Outcome]:
        """Read many images, several at once.

        Images are taken from `images` as they are needed, up to `n_parallel` + 2 before the first
        outcome is yielded. They are prepared in up to 4 threads, shared with `aocr_many` and
        `submit`. Closing or dropping the generator cancels running requests.

        Args:
            images: images as for `stream`, and `Request`s; any iterable, also an endless one. An
                item may be closed or changed as soon as the next one is requested.
            ordered: yield outcomes in the order of the images; otherwise as they finish.
            options: those of `RequestOptions`, for plain images. They do not apply to a `Request`,
                which has its own options.

        Yields:
            One outcome per image. It is the result or, if the image could not be read, the error as
            a value; the other images are still read. `index` is the position among the images, from
            0. `tag` is that of the `Request`.

        Raises:
            OptionError: an option is out of range.
        """
        self._check_defaults(options)
        return outcomes(
            images,
            partial(self._begin, options=options),
            at_once=self.n_parallel,
            ordered=ordered,
        )

    def submit(
        self,
        image: ImageSource | Request | None,
        *,
        wait: bool = True,
        **options: Unpack[ReadOptions],
    ) -> Answer:
        """Read one image in the background.

        The image is prepared in one of 4 threads. File objects, arrays and Pillow images are copied
        before this returns, so they may be closed or changed afterwards.

        Args:
            image: as for `stream`.
            wait: if `max_waiting` images already wait for a thread, or as many requests are queued,
                block until there is space. False raises QueueFullError instead; the image is then
                prepared before this returns, and its errors are raised here.
            options: those of `RequestOptions`.

        Returns:
            A `concurrent.futures.Future` of the result. Its `cancel` cancels the request. Its
            exception is set if the image cannot be read, or if the engine rejects an option.

        Raises:
            QueueFullError: the queue is full, and `wait` is false.
            OptionError: an option is out of range.
            ImageError: a file, an array or a Pillow image is invalid.
            EngineError: the engine is closed.
        """
        request = Request.of(image, options)
        find_task(request.task, self.info.model_version)
        self._notify().check()
        if wait:
            background = self._background(self._kept(request))
            self._preparing.enter(background)
            background.begin_later(then=partial(self._preparing.leave, background))
            return background.answer
        background = self._background(request)
        background.begin(wait=False)
        if background.answer.done() and (error := background.answer.exception()) is not None:
            raise error
        return background.answer

    def stream(self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]) -> Stream:
        """Read one image and yield the text piece by piece as it is generated.

        The image is loaded and checked before this returns. Closing or dropping the stream cancels
        the request. If a repetition loop is removed from the result, its pieces were already
        yielded. `retry` is ignored: there is only one attempt.

        Args:
            image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
                [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1. None for a
                conversation without an image. Or a `Request`, which has its own options.
            options: those of `RequestOptions`.

        Raises:
            ImageError: the image cannot be read.
            OptionError: an option is out of range.
            ContextError: prompt and image are longer than the model's context, or than the KV
                cache.
            EngineError: the engine is closed.
        """
        return Stream(self._start(Request.of(image, options)))

    async def aocr(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> Result:
        """Like `ocr`, for asyncio. Cancelling the task cancels the request.

        The image is prepared in a thread of the event loop's executor.

        Raises:
            PpocrvlError: as `ocr`.
        """
        return await self._read_async(Request.of(image, options), None)

    def aocr_many(
        self,
        images: Iterable[Item] | AsyncIterable[Item],
        *,
        ordered: bool = True,
        **options: Unpack[ReadOptions],
    ) -> AsyncGenerator[Outcome]:
        """Like `ocr_many`, for asyncio; `images` may also be an asynchronous iterable.

        Outcomes are yielded even while the next image is awaited.

        Yields:
            Outcomes, as `ocr_many`.

        Raises:
            PpocrvlError: as `ocr_many`.
        """
        self._check_defaults(options)

        async def keep(item: Item) -> Item:
            request = Request.of_many(item, options)
            if stays(request):
                return request
            return await _in_thread(partial(self._kept, request), self._preparing.pool())

        async def read(item: Item) -> Result:
            return await self._read_async(Request.of_many(item, options), self._preparing.pool())

        return async_outcomes(images, read, keep=keep, at_once=self.n_parallel, ordered=ordered)

    async def astream(
        self, image: ImageSource | Request | None, **options: Unpack[ReadOptions]
    ) -> AsyncStream:
        """Like `stream`, for asyncio: `async for piece in await engine.astream(image)`.

        Raises:
            PpocrvlError: as `stream`.
        """
        request = Request.of(image, options)
        notifier = self._notify()
        return AsyncStream(await self._start_in_thread(request, None), notifier)

    def embed(
        self,
        image: ImageSource,
        *,
        task: str = "ocr",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """The image embedding that the language model gets.

        Returns:
            float32 [n_tokens, n_embd], one row per image token, in row-major order of the merged
            patch grid.

        Raises:
            PpocrvlError: as `ocr`.
        """
        engine = self._open()
        row = find_task(task, self.info.model_version)
        with memory_for("the image"):
            pixels = self._pixels(image, row, min_pixels, max_pixels).values
            return engine.embed(pixels, _key(pixels))

    def prompt_tokens(self, prompt: str | Sequence[Message], rows: int, cols: int) -> list[int]:
        """Token ids of a prompt as the model gets them, for an image of rows x cols tokens.

        Args:
            prompt: the user's text, or the messages of a conversation.
            rows: rows of image tokens; 0 without an image.
            cols: likewise.

        Raises:
            OptionError: the prompt is invalid, or no image can have this size.
            EngineError: the engine is closed.
        """
        engine = self._open()
        if isinstance(prompt, str):
            return engine.prompt_tokens(check_text("prompt", prompt), rows, cols)
        check_messages(prompt)
        return engine.prompt_tokens(_turns(prompt), rows, cols)

    def trace(
        self,
        image: ImageSource,
        *,
        task: str = "ocr",
        max_tokens: int = DEFAULT_MAX_TOKENS,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
    ) -> Stages:
        """Read one image and keep the output of every stage, to compare it with the reference.

        Raises:
            PpocrvlError: as `ocr`.
        """
        engine = self._open()
        row = find_task(task, self.info.model_version)
        check_int("max_tokens", max_tokens, 1, MOST)
        with memory_for("the image"):
            pixels = self._pixels(image, row, min_pixels, max_pixels).values
        request = _native.Request(
            image=pixels,
            prompt=row.prompt,
            max_tokens=max_tokens,
            keep_location_tokens=row.keeps_location_tokens,
            trace=True,
            stop_loops=False,
        )
        result = engine.submit(request).result()
        trace = result.trace
        assert trace is not None  # noqa: S101 - it was asked for
        return Stages(
            prompt_ids=tuple(engine.prompt_tokens(row.prompt, *result.image_grid)),
            pixels=trace.pixels,
            patches=trace.patches,
            encoded=trace.encoded,
            image_tokens=trace.image_tokens,
            logits=trace.logits,
            token_ids=tuple(result.token_ids),
            text=result.text,
        )

    def check(self) -> None:
        """Check that requests can be answered.

        Raises:
            EngineError: the engine is closed, or this process was forked from the one that created
                it, or the thread that delivers answers has ended.
        """
        self._open()
        with self._lock:
            if self._notifier is not None:
                self._notifier.check()

    def close(self) -> None:
        """Cancel running requests and free the model. The engine cannot be used afterwards."""
        engine, self._native = self._native, None
        if engine is None or not self._home.is_here():
            return
        engine.close()
        with self._lock:
            notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.close()
        self._preparing.close()

    def _open(self) -> _native.Engine:
        engine = self._native
        if engine is None:
            raise EngineError("the engine is closed; make a new Engine")
        self._home.check()
        return engine

    def _notify(self) -> Notifier:
        with self._lock:
            self._open()
            if self._notifier is None:
                self._notifier = Notifier()
            return self._notifier

    def _check_defaults(self, options: ReadOptions) -> None:
        """Makes sure of what can be known before there is a picture."""
        find_task(RequestOptions(**options).task, self.info.model_version)

    def _begin(self, item: Item, *, options: ReadOptions) -> Answer:
        """Has one of many read; what keeps it from that is in the answer as well."""
        try:
            background = self._background(self._kept(Request.of_many(item, options)))
        except PpocrvlError as error:
            answer = Answer()
            answer.fail(error)
            return answer
        background.begin_later()
        return background.answer

    def _background(self, request: Request) -> BackgroundRequest:
        return BackgroundRequest(
            request,
            load=self._repeatable,
            start=self._start_begun,
            later=self._preparing.submit,
        )

    def _start_begun(
        self, request: Request, *, wait: bool, since: float
    ) -> tuple[PendingAnswer, Notifier]:
        """As `_start`, with who tells of its end, for a request from before the engine was closed.

        Raises:
            CancelledError: it was closed meanwhile.
            PpocrvlError: as `stream`.
        """
        try:
            notifier = self._notify()  # first: without one nothing is begun
            return self._start(request, wait=wait, since=since), notifier
        except EngineError as error:
            if self._native is None:
                raise CancelledError("the engine was closed; make a new Engine to go on") from error
            raise

    async def _read_async(self, request: Request, executor: Executor | None) -> Result:
        attempts = Attempts(request)
        notifier = self._notify()
        if request.retry is not None:
            request = await _in_thread(partial(self._repeatable, request), executor)
        asked: Request | None = request
        while asked is not None:
            try:
                pending = await self._start_in_thread(asked, executor)
                async with AsyncStream(pending, notifier, pieces=False) as stream:
                    result = await stream.wait()
            except PpocrvlError as error:
                asked = next_about(request, attempts.fail(error))
            else:
                asked = next_about(request, attempts.next(result))
        return attempts.best()

    async def _start_in_thread(self, request: Request, executor: Executor | None) -> PendingAnswer:
        """As `_start`. Cancelling the task cancels the request, also one that is yet to start."""
        since = perf_counter()
        handle = Handle()

        def start() -> PendingAnswer:
            pending = self._start(request, since=since)
            handle.follow(pending)
            return pending

        try:
            return await _in_thread(start, executor)
        except asyncio.CancelledError:
            handle.stop()  # the thread goes on, and what it starts would be read for nobody
            raise

    def _start(
        self, request: Request, *, wait: bool = True, since: float | None = None
    ) -> PendingAnswer:
        """Load the picture and queue the request, whose deadline counts from `since`, or from now.

        Raises:
            PpocrvlError: as `stream`.
        """
        since = perf_counter() if since is None else since
        with memory_for("the image"):
            return self._load_and_queue(request, wait=wait, since=since)

    def _load_and_queue(self, asked: Request, *, wait: bool, since: float) -> PendingAnswer:
        engine = self._open()
        row = find_task(asked.task, self.info.model_version)
        start = perf_counter()
        pixels = None
        if asked.image is not None:
            pixels = self._pixels(asked.image, row, asked.min_pixels, asked.max_pixels)
        request = _native.Request(
            image=None if pixels is None else pixels.values,
            image_key=b"" if pixels is None else _key(pixels.values),
            prompt=_prompt(asked, row),
            max_tokens=asked.max_tokens,
            keep_location_tokens=row.keeps_location_tokens
            if asked.keep_location_tokens is None
            else asked.keep_location_tokens,
            priority=asked.priority,
            seconds=None
            if asked.deadline is None
            else max(0.0, asked.deadline - (perf_counter() - since)),
            sampling=_native.Sampling(
                temperature=asked.temperature,
                top_k=asked.top_k,
                top_p=asked.top_p,
                min_p=asked.min_p,
                repetition_penalty=asked.repetition_penalty,
                seed=asked.seed,
                logit_bias=list(asked.logit_bias.items()),
                grammar=asked.grammar,
            ),
            stop=list(asked.stops),
            utf8=asked.utf8,
            stop_loops=asked.stop_loops,
            draft=_draft(asked),
        )
        preprocess = perf_counter() - start
        return PendingAnswer(
            engine,
            engine.submit(request, wait),
            task=row.name,
            tag=asked.tag,
            image_size=(0, 0) if pixels is None else pixels.image_size,
            resized=(0, 0) if pixels is None else pixels.size,
            preprocess=preprocess,
        )

    def _repeatable(self, request: Request) -> Request:
        with memory_for("the image"):
            return repeatable(request, max_image_pixels=self._max_image_pixels)

    def _kept(self, request: Request) -> Request:
        with memory_for("the image"):
            return kept(request, max_image_pixels=self._max_image_pixels)

    def _pixels(
        self, image: ImageSource, task: Task, min_pixels: int | None, max_pixels: int | None
    ) -> Pixels:
        for name, pixels in (("min_pixels", min_pixels), ("max_pixels", max_pixels)):
            if pixels is not None:
                check_int(name, pixels, 1, MOST)
        return pixels_for_model(
            image,
            task,
            self.info,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
            max_image_pixels=self._max_image_pixels,
        )


def _in_thread(work: Callable[[], _Value], executor: Executor | None) -> asyncio.Future[_Value]:
    """Does it in a thread of an executor, or of the event loop's.

    Raises:
        EngineError: none can be started.
    """
    context = contextvars.copy_context()  # as asyncio.to_thread
    with thread_for("the image"):
        return asyncio.get_running_loop().run_in_executor(executor, context.run, work)


def _device(option: str, name: str | None) -> str:
    """As the extension takes it, where "" is none of its own.

    Raises:
        OptionError: it is no name.
    """
    if name is None and option != "device":
        return ""
    return check_text(option, name)


def _key(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Equal for equal pictures of equal shape, for the cache of encoded ones."""
    return hashlib.sha256(pixels.data).digest() + repr(pixels.shape).encode()


def _prompt(asked: RequestOptions, task: Task) -> str | list[tuple[str, str]]:
    """What the native engine is to put into the chat template."""
    if asked.messages is not None:
        return _turns(asked.messages)
    return task.prompt if asked.prompt is None else asked.prompt


def _draft(asked: RequestOptions) -> str | list[int] | None:
    """What the native engine is to compare the answer with; an empty text is what it repeats."""
    if asked.draft is None or isinstance(asked.draft, str):
        return "" if asked.draft == GUESSED else asked.draft
    return list(asked.draft)


def _turns(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]
