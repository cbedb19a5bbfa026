# SPDX-License-Identifier: Apache-2.0
"""Collects an importance matrix while a model reads pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.engine.engine import Engine
from ppocrvl.errors import EngineError, OptionError
from ppocrvl.images.pixels import pixels_for_model
from ppocrvl.models.folder import find_model
from ppocrvl.quantizer.importance import ImportanceFile, ImportanceMatrix, fingerprint
from ppocrvl.quantizer.source import GgufSource
from ppocrvl.requests.tasks import find_task
from ppocrvl.support.native import _native
from ppocrvl.support.output import require_folder, write_files

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from ppocrvl.models.folder import PathLike
    from ppocrvl.requests.image_source import ImageSource

MAX_TOKENS = 1024


def imatrix(
    model: PathLike,
    images: Sequence[ImageSource],
    out: str | os.PathLike[str],
    *,
    task: str = "ocr",
    max_tokens: int = MAX_TOKENS,
    n_threads: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> ImportanceMatrix:
    """Read images and write an importance matrix: how large the inputs of every weight matrix are.

    The file can be used by `quantize(..., imatrix=...)` for both the language model and the vision
    encoder, and by `llama-quantize --imatrix` for the language model. Use the files that are to be
    quantized, in BF16 or F32, and a few dozen images like those that will be read. This runs on the
    CPU.

    Args:
        model: folder with both files, or the LLM file with the mmproj file next to it.
        images: images as for `Engine.ocr`.
        out: the file to write.
        task: the task, as in `RequestOptions`.
        max_tokens: limit of each answer.
        n_threads: CPU threads; 0 for the default of `Engine`.
        progress: called with (name of the step, images done, number of images).

    Returns:
        The importance matrix that was written.

    Raises:
        OptionError: there is no image, or an argument is invalid.
        ImageError: an image cannot be read.
        ModelError: the files are missing, damaged, or do not belong together.
        OutputError: the file cannot be written; nothing is left behind.
    """
    if not images:
        raise OptionError("no image to read; name some like those that the model will read")
    path = Path(out)
    require_folder(path)
    paths = find_model(model)
    answers = []
    with Engine(model, n_threads=n_threads) as engine:
        for done, image in enumerate(images, 1):
            result = engine.ocr(image, task=task, max_tokens=max_tokens)
            answers.append((list(result.token_ids), result.finish_reason == "stop"))
            if progress:
                progress("reading", done, len(images))
    forced = _native.TeacherForcing(
        llm=str(paths.llm), mmproj=str(paths.mmproj), n_threads=n_threads, collect=True
    )
    row = find_task(task, forced.info.model_version)
    end = forced.answer_ids("")
    for done, (image, (ids, has_ended)) in enumerate(zip(images, answers, strict=True), 1):
        pixels = pixels_for_model(image, row, forced.info).values
        answer = [*ids, *end] if has_ended else ids
        forced.read(pixels, row.prompt, answer, keep_logits=False)
        if progress:
            progress("collecting", done, len(images))
    sums = forced.sums()
    for name, (squares, _) in sums.items():
        if not np.all(np.isfinite(squares.astype(np.float32))):
            raise EngineError(f"{name} gets inputs that are not finite; the model is damaged")
    matrix = ImportanceMatrix(
        squares={name: squares.astype(np.float32) for name, (squares, _) in sums.items()},
        counts={name: count for name, (_, count) in sums.items()},
        datasets=(f"{len(images)} images, task {task}",),
        n_chunks=len(images),
        model=fingerprint([GgufSource(paths.llm), GgufSource(paths.mmproj)]),
    )
    write_files([ImportanceFile(path, matrix)])
    return matrix
