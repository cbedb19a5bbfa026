# SPDX-License-Identifier: Apache-2.0
"""PaddleOCR-VL on llama.cpp: pictures of text, tables and formulas to text.

Names are imported when they are first used: `import ppocrvl` alone loads neither numpy nor Pillow
nor the compiled module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppocrvl.answers import Answer, AsyncStream, Stream
    from ppocrvl.api import ocr, stream
    from ppocrvl.client import Client, RemoteStream
    from ppocrvl.engine import Engine, Outcome
    from ppocrvl.errors import (
        CancelledError,
        CheckpointError,
        ContextError,
        DatasetError,
        EngineError,
        ExitCode,
        HubError,
        ImageDecodeError,
        ImageError,
        ImageNotFoundError,
        ImageTooLargeError,
        ImageTooThinError,
        InvalidTextError,
        MissingExtraError,
        ModelAmbiguousError,
        ModelError,
        ModelFormatError,
        ModelMismatchError,
        ModelNotFoundError,
        OptionError,
        OutputError,
        PpocrvlError,
        QueueFullError,
        ServerAccessError,
        ServerError,
    )
    from ppocrvl.export import ExportResult, export
    from ppocrvl.inspection import inspect_model
    from ppocrvl.options import Message, RequestOptions, Retry
    from ppocrvl.quantize import QuantizeResult, quantize
    from ppocrvl.quantize.collect import imatrix
    from ppocrvl.results import Attempt, Line, Result, Timings
    from ppocrvl.stages import Stages
    from ppocrvl.tasks import TASKS, Task

    __version__: str

__all__ = [
    "TASKS",
    "Answer",
    "AsyncStream",
    "Attempt",
    "CancelledError",
    "CheckpointError",
    "Client",
    "ContextError",
    "DatasetError",
    "Engine",
    "EngineError",
    "ExitCode",
    "ExportResult",
    "HubError",
    "ImageDecodeError",
    "ImageError",
    "ImageNotFoundError",
    "ImageTooLargeError",
    "ImageTooThinError",
    "InvalidTextError",
    "Line",
    "Message",
    "MissingExtraError",
    "ModelAmbiguousError",
    "ModelError",
    "ModelFormatError",
    "ModelMismatchError",
    "ModelNotFoundError",
    "OptionError",
    "Outcome",
    "OutputError",
    "PpocrvlError",
    "QuantizeResult",
    "QueueFullError",
    "RemoteStream",
    "RequestOptions",
    "Result",
    "Retry",
    "ServerAccessError",
    "ServerError",
    "Stages",
    "Stream",
    "Task",
    "Timings",
    "__version__",
    "export",
    "imatrix",
    "inspect_model",
    "ocr",
    "quantize",
    "stream",
]

_HOME = {
    "Answer": "answers",
    "AsyncStream": "answers",
    "Attempt": "results",
    "Client": "client",
    "Engine": "engine",
    "ExportResult": "export",
    "Line": "results",
    "Message": "options",
    "Outcome": "engine",
    "QuantizeResult": "quantize",
    "RemoteStream": "client",
    "RequestOptions": "options",
    "Result": "results",
    "Retry": "options",
    "Stages": "stages",
    "Stream": "answers",
    "TASKS": "tasks",
    "Task": "tasks",
    "Timings": "results",
    "export": "export",
    "imatrix": "quantize.collect",
    "inspect_model": "inspection",
    "ocr": "api",
    "quantize": "quantize",
    "stream": "api",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ppocrvl' has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("ppocrvl")
    else:
        from importlib import import_module

        value = getattr(import_module(f"ppocrvl.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
