# SPDX-License-Identifier: Apache-2.0
"""PaddleOCR-VL on llama.cpp: images of text, tables and formulas to text.

Names are imported when they are first used: `import ppocrvl` alone loads neither numpy nor Pillow
nor the compiled module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppocrvl.api import (
        aparse,
        ocr,
        parse,
        parse_pages,
        read_slides,
        read_video,
        stream,
    )
    from ppocrvl.client import AsyncClient, AsyncRemoteStream, Client, RemoteStream
    from ppocrvl.document.document import Document, Page
    from ppocrvl.engine.answers import Answer, AsyncStream, Stream
    from ppocrvl.engine.engine import Engine
    from ppocrvl.engine.stages import Stages
    from ppocrvl.errors import (
        CancelledError,
        CheckpointError,
        ClusterError,
        ContextError,
        DatasetError,
        DocumentDamagedError,
        DocumentEmptyError,
        DocumentEncryptedError,
        DocumentError,
        DocumentNotFoundError,
        DocumentTooLargeError,
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
        PageError,
        PpocrvlError,
        QueueFullError,
        ServerAccessError,
        ServerError,
        VideoDamagedError,
        VideoError,
        VideoNotFoundError,
    )
    from ppocrvl.exporter import ExportResult, export, export_layout
    from ppocrvl.inspection import inspect_model
    from ppocrvl.layout.layout import Layout
    from ppocrvl.layout.region import Region
    from ppocrvl.pulling import pull
    from ppocrvl.quantizer import QuantizeResult, quantize
    from ppocrvl.quantizer.collect import imatrix
    from ppocrvl.requests.options import Message, RequestOptions, Retry
    from ppocrvl.requests.request import Request
    from ppocrvl.requests.results import Attempt, Line, Outcome, Result, Timings
    from ppocrvl.requests.tasks import TASKS, Task
    from ppocrvl.video.captions import Caption, VideoText

    __version__: str

__all__ = [
    "TASKS",
    "Answer",
    "AsyncClient",
    "AsyncRemoteStream",
    "AsyncStream",
    "Attempt",
    "CancelledError",
    "Caption",
    "CheckpointError",
    "Client",
    "ClusterError",
    "ContextError",
    "DatasetError",
    "Document",
    "DocumentDamagedError",
    "DocumentEmptyError",
    "DocumentEncryptedError",
    "DocumentError",
    "DocumentNotFoundError",
    "DocumentTooLargeError",
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
    "Layout",
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
    "Page",
    "PageError",
    "PpocrvlError",
    "QuantizeResult",
    "QueueFullError",
    "Region",
    "RemoteStream",
    "Request",
    "RequestOptions",
    "Result",
    "Retry",
    "ServerAccessError",
    "ServerError",
    "Stages",
    "Stream",
    "Task",
    "Timings",
    "VideoDamagedError",
    "VideoError",
    "VideoNotFoundError",
    "VideoText",
    "__version__",
    "aparse",
    "export",
    "export_layout",
    "imatrix",
    "inspect_model",
    "ocr",
    "parse",
    "parse_pages",
    "pull",
    "quantize",
    "read_slides",
    "read_video",
    "stream",
]

_HOME = {
    "Answer": "engine.answers",
    "AsyncClient": "client",
    "AsyncRemoteStream": "client",
    "AsyncStream": "engine.answers",
    "Attempt": "requests.results",
    "Caption": "video.captions",
    "Client": "client",
    "Document": "document.document",
    "Engine": "engine.engine",
    "ExportResult": "exporter",
    "Layout": "layout.layout",
    "Line": "requests.results",
    "Message": "requests.options",
    "Outcome": "requests.results",
    "Page": "document.document",
    "QuantizeResult": "quantizer",
    "Region": "layout.region",
    "RemoteStream": "client",
    "Request": "requests.request",
    "RequestOptions": "requests.options",
    "Result": "requests.results",
    "Retry": "requests.options",
    "Stages": "engine.stages",
    "Stream": "engine.answers",
    "TASKS": "requests.tasks",
    "Task": "requests.tasks",
    "Timings": "requests.results",
    "VideoText": "video.captions",
    "export": "exporter",
    "export_layout": "exporter",
    "imatrix": "quantizer.collect",
    "inspect_model": "inspection",
    "aparse": "api",
    "ocr": "api",
    "parse": "api",
    "parse_pages": "api",
    "pull": "pulling",
    "quantize": "quantizer",
    "read_slides": "api",
    "read_video": "api",
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
