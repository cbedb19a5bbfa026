# SPDX-License-Identifier: Apache-2.0
"""Every error that ppocrvl raises on purpose, and the exit code that the command line gives it.

A message is one line: what is wrong, where, and what to do. `docs/errors.md` is made from this file
(`scripts/write_errors_doc.py`), so the docstrings here are what users read.
"""

from __future__ import annotations

import concurrent.futures
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit status of `ppocrvl …`."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    IMAGE = 3
    MODEL = 4
    CHECKPOINT = 5
    CONTEXT = 6
    OUTPUT = 7
    HUB = 8
    ENGINE = 9
    PARITY = 10
    DATASET = 11
    SERVER = 12
    DOCUMENT = 13
    VIDEO = 14
    CLUSTER = 15
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class PpocrvlError(Exception):
    """Base of all errors below. If this class itself is raised, please report a bug."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    index: int = 0  # as those of a `Result`, where it is the outcome of one image among many
    tag: object = None


class OptionError(PpocrvlError, ValueError):
    """An option is invalid: `max_tokens` 0, an unknown task, `min_pixels` above `max_pixels`."""

    exit_code = ExitCode.USAGE


class MissingExtraError(PpocrvlError, ImportError):
    """A function needs a package that is not installed; the message names the extra to install."""

    exit_code = ExitCode.USAGE


class ImageError(PpocrvlError):
    """The image cannot be used: it is empty, or an array of invalid shape or type."""

    exit_code = ExitCode.IMAGE


class ImageNotFoundError(ImageError, FileNotFoundError):
    """There is no image file at the path, or it cannot be read."""


class ImageDecodeError(ImageError):
    """The bytes are not an image, or are a damaged or truncated one."""


class ImageTooLargeError(ImageError):
    """The file or the image is over the limit on bytes or pixels (a decompression bomb?)."""


class ImageTooThinError(ImageError):
    """One side is over 200 times the other, which the model does not support."""


class DocumentError(PpocrvlError):
    """The document cannot be parsed."""

    exit_code = ExitCode.DOCUMENT


class DocumentNotFoundError(DocumentError, FileNotFoundError):
    """There is no document at the path, or it cannot be read."""


class DocumentEncryptedError(DocumentError):
    """The PDF needs a password (`--password`), or the given one is wrong."""


class DocumentDamagedError(DocumentError):
    """The bytes are not a document or are a damaged one, or PDFium crashed on them."""


class DocumentEmptyError(DocumentError):
    """There is nothing to read: no bytes, no pages, or no documents in a folder."""


class DocumentTooLargeError(DocumentError):
    """The document is over the limit on bytes or on pages."""


class PageError(DocumentError):
    """The document has no such page, or it cannot be rendered; others may still be read."""


class VideoError(PpocrvlError):
    """The file is no video that can be read: no video stream, no frame, an image, other bytes."""

    exit_code = ExitCode.VIDEO


class VideoNotFoundError(VideoError, FileNotFoundError):
    """There is no video at the path, or it cannot be read."""


class VideoDamagedError(VideoError):
    """The video breaks off, or a part cannot be decoded; what was read of it is kept."""


class ModelError(PpocrvlError):
    """The model files cannot be used."""

    exit_code = ExitCode.MODEL


class ModelNotFoundError(ModelError, FileNotFoundError):
    """A model file or folder is missing or unreadable, or the folder does not hold both files."""


class ModelAmbiguousError(ModelError):
    """The folder holds several candidates; the message lists them."""


class ModelFormatError(ModelError):
    """A GGUF file is damaged, or lacks keys or tensors that this model needs."""


class ModelMismatchError(ModelError):
    """The LLM and the mmproj file are swapped, or do not belong together."""


class CheckpointError(PpocrvlError):
    """A checkpoint cannot be exported or run as reference, because its files are invalid."""

    exit_code = ExitCode.CHECKPOINT


class DatasetError(PpocrvlError):
    """A set of images with texts is missing or empty, has an invalid line, or no readable image."""

    exit_code = ExitCode.DATASET


class ContextError(PpocrvlError):
    """Prompt and image are longer than the context of the model."""

    exit_code = ExitCode.CONTEXT


class OutputError(PpocrvlError, OSError):
    """A file cannot be written: disk full, or no permission."""

    exit_code = ExitCode.OUTPUT


class HubError(PpocrvlError):
    """A download failed, its hash is wrong, or a file is missing in offline mode."""

    exit_code = ExitCode.HUB


class EngineError(PpocrvlError):
    """The native engine failed, is closed or cannot be loaded, or there is not enough memory."""

    exit_code = ExitCode.ENGINE


class InvalidTextError(EngineError):
    """With `utf8="strict"`: the answer has bytes that are not UTF-8; the message shows them."""


class QueueFullError(EngineError):
    """The queue is full (`Engine(max_waiting=…)`), and the call was not to wait (`wait=False`)."""


class ServerError(PpocrvlError):
    """A server cannot be reached, failed, or sent an invalid answer."""

    exit_code = ExitCode.SERVER


class ServerAccessError(ServerError):
    """The server cannot be used: no connection, a wrong address, or a rejected API key."""


class ClusterError(PpocrvlError):
    """Ray cannot be used: none at the address, or a node lacks the model files or the folder."""

    exit_code = ExitCode.CLUSTER


class CancelledError(PpocrvlError, concurrent.futures.CancelledError):
    """The request was cancelled before it ended."""

    exit_code = ExitCode.INTERRUPTED
