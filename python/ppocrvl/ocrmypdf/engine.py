# SPDX-License-Identifier: Apache-2.0
"""What OCRmyPDF asks of something that reads: orientation, slope, text with its places."""

from __future__ import annotations

import logging
import math
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from ocrmypdf.exceptions import ExitCodeException
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence
from PIL import Image

from ppocrvl.api import parse
from ppocrvl.document.placing import place
from ppocrvl.errors import PpocrvlError
from ppocrvl.images.lines import page_slope
from ppocrvl.ocrmypdf.models import Chosen, loaded_models
from ppocrvl.ocrmypdf.tree import page_element
from ppocrvl.parsing.orientation import page_rotation

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from numpy.typing import NDArray
    from ocrmypdf.hocrtransform import OcrElement

    from ocrmypdf import OcrOptions
    from ppocrvl.document.document import Document

_logger = logging.getLogger(__name__)

_SURE = 15.0
"""What OCRmyPDF takes for very sure; `page_rotation` speaks only when it is."""


class ReadingEngine(OcrEngine):  # type: ignore[misc]
    """PaddleOCR-VL, as OCRmyPDF asks for text."""

    @staticmethod
    def version() -> str:
        """Of ppocrvl."""
        return version("ppocrvl")

    @staticmethod
    def creator_tag(options: OcrOptions) -> str:
        """For the PDF's metadata."""
        return f"ppocrvl {version('ppocrvl')}"

    def __str__(self) -> str:
        return f"ppocrvl {version('ppocrvl')}"

    @staticmethod
    def languages(options: OcrOptions) -> AbstractSet[str]:
        """English for the built-in model; empty, which OCRmyPDF takes for any, for others."""
        return Chosen.by(options).languages()

    @staticmethod
    def get_orientation(input_file: Path, options: OcrOptions) -> OrientationConfidence:
        """How far the page was turned clockwise; OCRmyPDF turns it back."""
        rotation = page_rotation(_pixels(input_file))
        return OrientationConfidence(-rotation % 360, _SURE if rotation else 0.0)

    @staticmethod
    def get_deskew(input_file: Path, options: OcrOptions) -> float:
        """Degrees counter-clockwise that make the lines level."""
        return math.degrees(math.atan(page_slope(_pixels(input_file))))

    @staticmethod
    def supports_generate_ocr() -> bool:
        """Yes."""
        return True

    @staticmethod
    def generate_ocr(
        input_file: Path, options: OcrOptions, page_number: int = 0
    ) -> tuple[OcrElement, str]:
        """The page's text with the places of its words, and as plain text."""
        document = _read(input_file, options, page_number)
        page = document.pages[0]
        placed = place(page, _pixels(input_file))
        return page_element(page, placed, page_number), _plain(document)

    @staticmethod
    def generate_hocr(
        input_file: Path, output_hocr: Path, output_text: Path, options: OcrOptions
    ) -> None:
        """The same as files; `ocrmypdf.pdf_to_hocr` asks for them."""
        document = _read(input_file, options, 0)
        output_hocr.write_text(document.to("hocr"), encoding="utf-8")
        output_text.write_text(_plain(document), encoding="utf-8")

    @staticmethod
    def generate_pdf(
        input_file: Path,
        output_pdf: Path,
        output_text: Path,
        options: OcrOptions,
    ) -> None:
        """Asked for by one renderer alone, which is Tesseract's own."""
        raise _ReadingError("ppocrvl does not do --pdf-renderer sandwich; leave it out")


def _read(path: Path, options: OcrOptions, number: int) -> Document:
    """The page as a document."""
    try:
        engine, layout = loaded_models(Chosen.by(options))
        document = parse(path, engine=engine, layout=layout)
    except PpocrvlError as error:
        raise _ReadingError(" ".join(str(error).split())) from error
    page = document.pages[0]
    if page.error is not None:
        raise _ReadingError(f"page {number + 1}: {page.error}")
    for block in page.blocks:
        if block.error is not None:
            _logger.warning("page %d: a block was not read: %s", number + 1, block.error)
    return document


def _plain(document: Document) -> str:
    return document.to_text(leave_out=())


class _ReadingError(ExitCodeException):  # type: ignore[misc]
    """A page could not be read."""


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
