# SPDX-License-Identifier: Apache-2.0
"""POST /layout-parsing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ppocrvl.document.document import Document
from ppocrvl.document.labels import LEFT_OUT_OF_MARKDOWN
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.errors import OptionError
from ppocrvl.layout.layout import Layout as LayoutModel
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.parsing.parts import WholePage
from ppocrvl.server.answers import json_bytes
from ppocrvl.server.codes import ApiError
from ppocrvl.server.disconnect import unless_gone
from ppocrvl.server.document_intake import open_document, take_document_body
from ppocrvl.server.paddlex.answers import (
    ImageFacts,
    LayoutParsingAnswer,
    LayoutParsings,
    PageFacts,
    PagesFacts,
)
from ppocrvl.server.paddlex.pages import PageStyle, global_groups, page_answers
from ppocrvl.server.paddlex.schemas import LayoutParsingRequest
from ppocrvl.server.parsing import media_type, read_json
from ppocrvl.server.record import record_of
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ppocrvl.document.types import PageData
    from ppocrvl.layout.official import MergeMode
    from ppocrvl.parsing.parts import Layout
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.server.paddlex.schemas import Mode
    from ppocrvl.server.server_limits import ServerLimits
    from ppocrvl.server.state import State

_PDF_MARK = b"%PDF-"


async def layout_parsing(request: Request) -> Response:
    """Read a document as PaddleX's server does."""
    state, record = state_of(request), record_of(request)
    body = partial(_parse, state, media_type(request))
    asked, files, share = await take_document_body(request, body)
    record.client_id = asked.logId
    reading = await open_document(
        request,
        files,
        _parse_options(asked, state.limits),
        share,
        layout=_layout(asked, state.ready_for_documents().layout),
        page_images=asked.visualize is not False,
    )
    pages = await unless_gone(request.receive, reading.all_pages())
    is_pdf = _PDF_MARK in bytes(files[0].source)[:1024]  # type: ignore[arg-type]  # bytes
    answer = partial(_answer, asked, pages, asked.logId or record.id, is_pdf=is_pdf)
    return Response(await asyncio.to_thread(answer), media_type="application/json")


def _parse(
    state: State, kind: str, body: bytearray
) -> tuple[LayoutParsingRequest, list[tuple[str, bytes | str]]]:
    if kind != "application/json":
        raise ApiError("unsupported_media_type", "the body must be application/json")
    asked = read_json(LayoutParsingRequest, body)
    if asked.promptLabel is not None and asked.useLayoutDetection is not False:
        raise ApiError(
            "invalid_request",
            "promptLabel is for pages that are one block: with useLayoutDetection false",
            param="promptLabel",
        )
    data = state.pictures.for_documents().decode(asked.file, bare=True)
    return asked.model_copy(update={"file": ""}), [("", data)]


def _parse_options(asked: LayoutParsingRequest, limits: ServerLimits) -> ParseOptions:
    """What is asked, as the parser's options.

    Raises:
        OptionError: an option is out of its range.
    """
    most = limits.max_tokens
    request: ReadOptions = {
        "max_tokens": min(asked.maxNewTokens or most, most),
        "deadline": limits.deadline_seconds,
    }
    if asked.repetitionPenalty is not None:
        request["repetition_penalty"] = asked.repetitionPenalty
    if asked.temperature is not None:
        request["temperature"] = asked.temperature
    if asked.topP is not None:
        request["top_p"] = asked.topP
    if asked.minPixels is not None:
        request["min_pixels"] = asked.minPixels
    if asked.maxPixels is not None:
        request["max_pixels"] = asked.maxPixels
    one_kind = None if asked.useLayoutDetection is not False else asked.promptLabel
    return ParseOptions(
        charts=bool(asked.useChartRecognition) or one_kind == "chart",
        seals=bool(asked.useSealRecognition) or one_kind == "seal",
        images=bool(asked.useOcrForImageBlock),
        merge=asked.mergeLayoutBlocks is not False,
        turn=bool(asked.useDocOrientationClassify),
        request=request,
    )


def _layout(asked: LayoutParsingRequest, usual: Layout) -> Layout:
    """What finds the blocks.

    Raises:
        OptionError: the layout model cannot be asked for this.
    """
    if asked.useLayoutDetection is False:
        return WholePage(asked.promptLabel or "ocr")
    has_usual_shape = asked.layoutShapeMode == "auto" and asked.layoutNms is not False
    others = asked.layoutThreshold, asked.layoutUnclipRatio, asked.layoutMergeBboxesMode
    if has_usual_shape and others == (None, None, None):
        return usual
    if not isinstance(usual, LayoutModel):
        raise OptionError("this server reads pages as one block; leave the options of layout out")
    threshold = asked.layoutThreshold
    if isinstance(threshold, dict):
        threshold = {_class(key, usual.labels): value for key, value in threshold.items()}
    return usual.with_options(
        threshold=threshold,
        shape_mode=asked.layoutShapeMode,
        unclip=_pair(asked.layoutUnclipRatio),
        merge_modes=_modes(asked.layoutMergeBboxesMode, usual.labels),
        nms=asked.layoutNms is not False,
    )


def _class(key: str, labels: Sequence[str]) -> str:
    """A class by its number or its name."""
    return labels[int(key)] if key.isdecimal() and int(key) < len(labels) else key


def _pair(ratio: float | list[float] | None) -> tuple[float, float] | None:
    if ratio is None:
        return None
    return (ratio[0], ratio[1]) if isinstance(ratio, list) else (ratio, ratio)


def _modes(
    given: Mode | dict[str, Mode] | None, labels: Sequence[str]
) -> dict[str, MergeMode] | None:
    if isinstance(given, dict):
        return {_class(key, labels): mode for key, mode in given.items()}
    return None if given is None else dict.fromkeys(labels, given)


def _answer(
    asked: LayoutParsingRequest, pages: list[PageData], name: str, *, is_pdf: bool
) -> bytes:
    restructures = asked.restructurePages
    finished = finish_document(
        pages,
        tables=restructures and asked.mergeTables,
        levels=restructures and asked.relevelTitles,
    )
    groups = global_groups(page.blocks for page in finished) if restructures else None
    document = Document.of("document", len(finished), finished)
    answers = page_answers(document, _style(asked), groups)
    parsings = LayoutParsings(
        layoutParsingResults=answers, dataInfo=_facts(finished, is_pdf=is_pdf)
    )
    answer = LayoutParsingAnswer(logId=name, errorCode=0, errorMsg="Success", result=parsings)
    return json_bytes(answer.to_dict())


def _style(asked: LayoutParsingRequest) -> PageStyle:
    ignored = asked.markdownIgnoreLabels
    settings: dict[str, Any] = {
        "use_layout_detection": asked.useLayoutDetection is not False,
        "use_chart_recognition": bool(asked.useChartRecognition),
        "use_seal_recognition": bool(asked.useSealRecognition),
        "use_ocr_for_image_block": bool(asked.useOcrForImageBlock),
        "format_block_content": bool(asked.formatBlockContent),
        "merge_layout_blocks": asked.mergeLayoutBlocks is not False,
    }
    if ignored is not None:
        settings["markdown_ignore_labels"] = ignored
    options = WriteOptions(
        style="official",
        leave_out=LEFT_OUT_OF_MARKDOWN if ignored is None else frozenset(ignored),
        pretty=asked.prettifyMarkdown,
        formula_numbers=asked.showFormulaNumber,
    )
    return PageStyle(
        settings=settings,
        markdown=options,
        has_pictures=asked.returnMarkdownImages,
        has_images=asked.visualize is not False,
        formats_blocks=bool(asked.formatBlockContent),
    )


def _facts(pages: list[PageData], *, is_pdf: bool) -> ImageFacts | PagesFacts:
    if not is_pdf and len(pages) == 1:
        return ImageFacts(width=pages[0].width, height=pages[0].height, type="image")
    sizes = [PageFacts(width=page.width, height=page.height) for page in pages]
    return PagesFacts(numPages=len(pages), pages=sizes, type="pdf" if is_pdf else "tiff")
