# SPDX-License-Identifier: Apache-2.0
"""The engine: one loaded model that answers requests."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from ppocrvl.errors import EngineError, OptionError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS, MAX_REQUEST_PIXELS
from ppocrvl.images.load import ImageSource, load_image
from ppocrvl.images.resize import enlarge_for_spotting, resize_to_pixels
from ppocrvl.model_folder import ModelPaths, PathLike, find_model
from ppocrvl.native import _native
from ppocrvl.results import Result, Timings, mean_probability
from ppocrvl.stages import Stages
from ppocrvl.tasks import Task, find_task

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

DEFAULT_MAX_TOKENS = 4096


class ReadOptions(TypedDict, total=False):
    """The options of a request, which `Engine.stream` explains."""

    task: str
    prompt: str | None
    max_tokens: int
    min_pixels: int | None
    max_pixels: int | None
    keep_location_tokens: bool | None


class Engine:
    """A loaded model. Safe to use from several threads: requests wait for their turn.

    Args:
        model: a folder with both GGUF files, or the LLM file. None: PPOCRVL_MODEL, else the
            built-in model.
        mmproj: the mmproj file, if it is not in the folder or beside the LLM file.
        n_threads: CPU threads; 0 for one per physical core, fewer for a small model.
        gpu_layers: layers on the GPU; -1 for all where the build has a GPU backend, 0 for none.
        precision: number formats of the vision encoder. "auto": attention and GELU in float32,
            linear layers in the arithmetic of their weights' type. "exact": float32 throughout.
            "fast": attention over half-precision keys and values, and a half-precision GELU.
        max_image_pixels: limit on width * height of a picture before it is resized.

    Attributes:
        paths: the two files.
        info: what the files say about the model.

    Raises:
        ModelError: the files are missing, damaged, or do not belong together.
        EngineError: the model cannot be loaded.
        OptionError: an option is out of range.
    """

    def __init__(
        self,
        model: PathLike | None = None,
        *,
        mmproj: PathLike | None = None,
        n_threads: int = 0,
        gpu_layers: int = -1,
        precision: str = "auto",
        max_image_pixels: int = MAX_IMAGE_PIXELS,
    ) -> None:
        _check_int("n_threads", n_threads, 0, 1024)
        _check_int("gpu_layers", gpu_layers, -1, 2**31 - 1)
        _check_int("max_image_pixels", max_image_pixels, 1, 2**31 - 1)
        self.paths: ModelPaths = find_model(model, mmproj)
        self._max_image_pixels = max_image_pixels
        self._native: _native.Engine | None = _native.Engine(
            _native.EngineOptions(
                llm=str(self.paths.llm),
                mmproj=str(self.paths.mmproj),
                n_threads=n_threads,
                gpu_layers=gpu_layers,
                precision=precision,
            )
        )
        self.info: _native.ModelInfo = self._native.info

    def ocr(self, image: ImageSource, **options: Unpack[ReadOptions]) -> Result:
        """Read one picture; arguments and errors are those of `stream`.

        Raises:
            EngineError: besides, the engine failed while it read.
        """
        with self.stream(image, **options) as stream:
            return stream.wait()

    def stream(
        self,
        image: ImageSource,
        *,
        task: str = "ocr",
        prompt: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        keep_location_tokens: bool | None = None,
    ) -> Stream:
        """Read one picture and give the text piece by piece as it comes.

        The picture is loaded and checked before this returns. Closing the stream, or dropping it,
        cancels the request.

        Args:
            image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
                [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1.
            task: "ocr", "table", "formula", "chart", "spotting" or "seal".
            prompt: text in place of the task's own prompt. Never parsed for special tokens.
            max_tokens: the answer ends after so many tokens, or when the context is full, with
                `finish_reason` "length".
            min_pixels: smaller pictures are enlarged to this area; None for the model's own limit.
            max_pixels: larger pictures are reduced to this area; None for the model's own limit.
            keep_location_tokens: keep `<|LOC_n|>` in the text; None for what the task does.

        Raises:
            ImageError: the picture cannot be read.
            OptionError: an option is out of range.
            ContextError: prompt and picture are longer than the model's context.
            EngineError: the engine is closed.
        """
        engine = self._open()
        row = find_task(task, self.info.model_version)
        _check_int("max_tokens", max_tokens, 1, 2**31 - 1)
        start = perf_counter()
        pixels, image_size = self._preprocess(image, row, min_pixels, max_pixels)
        request = _native.Request(
            image=pixels,
            prompt=row.prompt if prompt is None else _checked_prompt(prompt),
            max_tokens=max_tokens,
            keep_location_tokens=row.keeps_location_tokens
            if keep_location_tokens is None
            else keep_location_tokens,
        )
        return Stream(
            engine,
            engine.submit(request),
            task=row.name,
            image_size=image_size,
            resized=(pixels.shape[1], pixels.shape[0]),
            preprocess=perf_counter() - start,
        )

    def embed(
        self,
        image: ImageSource,
        *,
        task: str = "ocr",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """The picture as the language model gets it.

        Returns:
            float32 [n_tokens, n_embd], the tokens row by row of the merged patch grid.

        Raises:
            As `ocr`.
        """
        engine = self._open()
        row = find_task(task, self.info.model_version)
        pixels, _ = self._preprocess(image, row, min_pixels, max_pixels)
        return engine.embed(pixels)

    def prompt_tokens(self, prompt: str, rows: int, cols: int) -> list[int]:
        """Ids of a prompt as the model gets them, for a picture of rows x cols tokens.

        Raises:
            OptionError: the prompt is no text, or there can be no such picture.
            EngineError: the engine is closed.
        """
        return self._open().prompt_tokens(_checked_prompt(prompt), rows, cols)

    def trace(
        self,
        image: ImageSource,
        *,
        task: str = "ocr",
        max_tokens: int = DEFAULT_MAX_TOKENS,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
    ) -> Stages:
        """Read one picture and keep what every stage computes, to compare it with the reference.

        Raises:
            As `ocr`.
        """
        engine = self._open()
        row = find_task(task, self.info.model_version)
        _check_int("max_tokens", max_tokens, 1, 2**31 - 1)
        pixels, _ = self._preprocess(image, row, min_pixels, max_pixels)
        request = _native.Request(
            image=pixels,
            prompt=row.prompt,
            max_tokens=max_tokens,
            keep_location_tokens=row.keeps_location_tokens,
            trace=True,
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

    def close(self) -> None:
        """End running requests and free the model. The engine cannot be used afterwards."""
        engine, self._native = self._native, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> _native.Engine:
        engine = self._native
        if engine is None:
            raise EngineError("the engine is closed; make a new Engine")
        return engine

    def _preprocess(
        self, image: ImageSource, task: Task, min_pixels: int | None, max_pixels: int | None
    ) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
        """The pixels for the encoder, uint8 [h, w, 3], and (width, height) of the picture."""
        low, high = self._pixel_limits(task, min_pixels, max_pixels)
        picture = load_image(image, max_image_pixels=self._max_image_pixels)
        size = picture.size
        if task.enlarges_small_pictures:
            picture = enlarge_for_spotting(picture)
        factor = self.info.patch_size * self.info.merge_size
        return resize_to_pixels(picture, factor=factor, min_pixels=low, max_pixels=high), size

    def _pixel_limits(
        self, task: Task, min_pixels: int | None, max_pixels: int | None
    ) -> tuple[int, int]:
        low, high = self.info.task_pixels.get(
            task.name, (self.info.min_pixels, self.info.max_pixels)
        )
        if min_pixels is not None:
            low = _check_int("min_pixels", min_pixels, 1, MAX_REQUEST_PIXELS)
        if max_pixels is not None:
            high = _check_int("max_pixels", max_pixels, 1, MAX_REQUEST_PIXELS)
        # A file may say anything.
        low, high = min(low, MAX_REQUEST_PIXELS), min(high, MAX_REQUEST_PIXELS)
        if low > high:
            raise OptionError(
                f"min_pixels {low} is above max_pixels {high}; what is not given comes from the "
                "model, so give both"
            )
        return low, high


class Stream(Iterator[str]):
    """Pieces of text as they come. Iterate it; afterwards `result` holds the whole answer."""

    def __init__(
        self,
        engine: _native.Engine,
        ticket: _native.Ticket,
        *,
        task: str,
        image_size: tuple[int, int],
        resized: tuple[int, int],
        preprocess: float,
    ) -> None:
        self._engine = engine  # lives at least as long as its stream
        self._ticket = ticket
        self._task = task
        self._image_size = image_size
        self._resized = resized
        self._preprocess = preprocess
        self._result: Result | None = None

    def __next__(self) -> str:
        piece = self._ticket.next()
        if piece is None:
            self.wait()
            raise StopIteration
        return piece

    def wait(self) -> Result:
        """The whole answer, once it is there, with the text of pieces that were not taken.

        Raises:
            ContextError: prompt and picture are longer than the model's context.
            EngineError: the engine failed or was closed.
        """
        if self._result is None:
            native = self._ticket.result()
            logprobs = tuple(native.logprobs)
            self._result = Result(
                text=native.text,
                finish_reason=native.finish_reason,
                confidence=mean_probability(logprobs),
                task=self._task,
                image_size=self._image_size,
                resized=self._resized,
                timings=Timings(
                    load=self._engine.load_seconds,
                    preprocess=self._preprocess,
                    encode=native.timings.encode,
                    prefill=native.timings.prefill,
                    decode=native.timings.decode,
                    image_tokens=native.timings.image_tokens,
                    prompt_tokens=native.timings.prompt_tokens,
                    generated_tokens=native.timings.generated_tokens,
                ),
                token_ids=tuple(native.token_ids),
                logprobs=logprobs,
            )
        return self._result

    @property
    def result(self) -> Result:
        """The whole answer; there once the pieces have ended.

        Raises:
            EngineError: the pieces have not ended yet.
        """
        if self._result is None:
            raise EngineError("the stream has not ended; take all of its pieces, or call wait()")
        return self._result

    def close(self) -> None:
        """Cancel the request if it still runs. Safe to call twice, and from another thread."""
        self._ticket.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # absent when __init__ was never reached
        if (ticket := getattr(self, "_ticket", None)) is not None:
            ticket.cancel()


def _check_int(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise OptionError(f"{name} must be a whole number, not {value!r}")
    number = value.__index__()
    if not low <= number <= high:
        raise OptionError(f"{name} must be from {low} to {high}, not {number}")
    return number


def _checked_prompt(prompt: object) -> str:
    if not isinstance(prompt, str) or not prompt.strip():
        raise OptionError(f"prompt must be a text that is not empty, not {prompt!r}")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise OptionError(
            f"prompt is not valid Unicode: {error.reason} at {error.start}"
        ) from error
    return prompt
