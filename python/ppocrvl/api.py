# SPDX-License-Identifier: Apache-2.0
"""One-call functions. The last model stays loaded, so that a second call does not load it again."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Unpack

from ppocrvl.engine.engine import Engine
from ppocrvl.models.folder import FileKey, PathLike, built_in_note, file_key, find_model

if TYPE_CHECKING:
    from ppocrvl.engine.answers import Stream
    from ppocrvl.requests.image_source import ImageSource
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Result

_logger = logging.getLogger("ppocrvl")


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
                if paths.built_in and not self._has_told:
                    self._has_told = True
                    _logger.warning("%s", built_in_note("model="))
            return self._engine


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
    """Read one picture.

    The model stays loaded until another one is asked for. For control over that, use `Engine`.

    Args:
        image: a path, encoded bytes, a binary file object, a Pillow image, or a numpy array
            [h, w], [h, w, 3] or [h, w, 4] of uint8, uint16, bool, or float in 0..1. Or a `Request`,
            then without options.
        model: a folder with both GGUF files, or the LLM file. None: the environment variable
            PPOCRVL_MODEL, else the built-in model.
        mmproj: the mmproj file, if it is not in the folder or beside the LLM file.
        options: those of `RequestOptions`.

    Raises:
        ImageError: the picture cannot be read.
        ModelError: the model files are missing, damaged, or do not belong together.
        OptionError: an option is out of range.
        ContextError: prompt and picture are longer than the model's context.
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
    """Read one picture and give the text piece by piece; arguments and errors are those of `ocr`.

    Returns:
        An iterator of text whose `result` holds the whole answer afterwards. Closing or dropping it
        cancels the request.
    """
    return _last.get(model, mmproj).stream(image, **options)
