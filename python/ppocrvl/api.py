# SPDX-License-Identifier: Apache-2.0
"""One-call functions. The last model stays loaded, so that a second call does not load it again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ppocrvl.engine import DEFAULT_MAX_TOKENS, Engine, Stream
from ppocrvl.model_folder import FileKey, PathLike, file_key, find_model

if TYPE_CHECKING:
    from ppocrvl.images.load import ImageSource
    from ppocrvl.results import Result


class _LastEngine:
    """The engine of the last call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[FileKey, FileKey] | None = None
        self._engine: Engine | None = None

    def get(self, model: PathLike | None, mmproj: PathLike | None) -> Engine:
        """The same engine if its files are the same and unchanged, else a new one."""
        paths = find_model(model, mmproj)
        key = (file_key(paths.llm), file_key(paths.mmproj))
        with self._lock:
            if self._engine is None or self._key != key:
                # Freed before the next one is loaded: two models need not fit into memory. A
                # request of another thread that still runs keeps it alive until it ends.
                self._engine = None
                self._engine = Engine(paths.llm, mmproj=paths.mmproj)
                self._key = key
            return self._engine


_last = _LastEngine()


def ocr(
    image: ImageSource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    task: str = "ocr",
    prompt: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    keep_location_tokens: bool | None = None,
) -> Result:
    """Read one picture.

    The model stays loaded until another one is asked for. For control over that, use `Engine`.

    Args:
        image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
            [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1.
        model: a folder with both GGUF files, or the LLM file. None: the environment variable
            PPOCRVL_MODEL, else the built-in model.
        mmproj: the mmproj file, if it is not in the folder or beside the LLM file.
        task: "ocr", "table", "formula", "chart", "spotting" or "seal".
        prompt: text in place of the task's own prompt. Never parsed for special tokens.
        max_tokens: the answer ends after so many tokens, or when the context is full, with
            `finish_reason` "length".
        min_pixels: smaller pictures are enlarged to this area; None for the model's own limit.
        max_pixels: larger pictures are reduced to this area; None for the model's own limit.
        keep_location_tokens: keep `<|LOC_n|>` in the text; None for what the task does.

    Raises:
        ImageError: the picture cannot be read.
        ModelError: the model files are missing, damaged, or do not belong together.
        OptionError: an option is out of range.
        ContextError: prompt and picture are longer than the model's context.
        EngineError: the engine failed.
    """
    return _last.get(model, mmproj).ocr(
        image,
        task=task,
        prompt=prompt,
        max_tokens=max_tokens,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        keep_location_tokens=keep_location_tokens,
    )


def stream(
    image: ImageSource,
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    task: str = "ocr",
    prompt: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    keep_location_tokens: bool | None = None,
) -> Stream:
    """Read one picture and give the text piece by piece; arguments and errors are those of `ocr`.

    Returns:
        An iterator of text whose `result` holds the whole answer afterwards. Closing or dropping it
        cancels the request.
    """
    return _last.get(model, mmproj).stream(
        image,
        task=task,
        prompt=prompt,
        max_tokens=max_tokens,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        keep_location_tokens=keep_location_tokens,
    )
