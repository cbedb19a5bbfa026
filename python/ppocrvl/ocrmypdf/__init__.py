# SPDX-License-Identifier: Apache-2.0
"""A plugin of OCRmyPDF: `ocrmypdf --plugin ppocrvl.ocrmypdf scan.pdf searchable.pdf`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ppocrvl.errors import MissingExtraError, PpocrvlError

try:
    from ocrmypdf.exceptions import BadArgsError

    from ocrmypdf import hookimpl
    from ppocrvl.ocrmypdf.engine import ReadingEngine
    from ppocrvl.ocrmypdf.models import PREFIX, Chosen
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f'the plugin needs {error.name}; install it with: pip install "ppocrvl[ocrmypdf]"'
    ) from error

if TYPE_CHECKING:
    import argparse

    from ocrmypdf import OcrOptions

_OPTIONS = (
    (
        "model",
        "MODEL",
        "folder with both GGUF files, or the LLM file (default: the built-in)",
    ),
    ("layout", "FILE", "layout model; none: read each page as one block (default: the model's)"),
    ("threads", "N", "CPU threads (default: one per core, fewer for a small model)"),
)


@hookimpl  # type: ignore[untyped-decorator]
def add_options(parser: argparse.ArgumentParser) -> None:
    """Show the plugin's options in `ocrmypdf --help`."""
    group = parser.add_argument_group("ppocrvl", "PaddleOCR-VL reads the pages")
    for name, value, text in _OPTIONS:
        group.add_argument(
            f"--ppocrvl-{name}", dest=f"{PREFIX}{name}", metavar=value, default=None, help=text
        )


@hookimpl  # type: ignore[untyped-decorator]
def check_options(options: OcrOptions) -> None:
    """Complain of a wrong model before any page is worked on."""
    try:
        Chosen.by(options).check()
    except PpocrvlError as error:
        raise BadArgsError(" ".join(str(error).split())) from error
    if not options.verbose:
        logging.getLogger("ppocrvl").setLevel(logging.WARNING)  # llama.cpp says much at INFO
    # The workers share one engine, which reads several pages at once; processes would each load it.
    options.use_threads = True


@hookimpl  # type: ignore[untyped-decorator]
def get_ocr_engine(options: OcrOptions | None) -> ReadingEngine | None:
    """Read with this plugin, unless another engine was asked for."""
    if options is not None and options.ocr_engine != "auto":
        return None
    return ReadingEngine()
