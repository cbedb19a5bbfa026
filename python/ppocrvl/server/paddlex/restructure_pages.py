# SPDX-License-Identifier: Apache-2.0
"""POST /restructure-pages: pages that were answered before, put in relation."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from ppocrvl.document.types import Block, PageData, Picture
from ppocrvl.document.writers.paddlex import paddlex_blocks
from ppocrvl.document.writers.written import WriteOptions
from ppocrvl.parsing.finish_document import finish_document
from ppocrvl.server.answers import json_bytes
from ppocrvl.server.codes import ApiError
from ppocrvl.server.intake import take_apart
from ppocrvl.server.paddlex.answers import (
    PageMarkdown,
    PageParsing,
    RestructuredPages,
    RestructurePagesAnswer,
)
from ppocrvl.server.paddlex.pages import global_groups, number_globally, page_markdown
from ppocrvl.server.paddlex.schemas import MAX_BLOCKS, RestructurePagesRequest, SentBlock
from ppocrvl.server.parsing import explained, media_type, read_json
from ppocrvl.server.record import record_of
from ppocrvl.server.state import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ppocrvl.server.paddlex.schemas import SentPage

_BLOCKS = TypeAdapter(list[SentBlock])
_HEADING = re.compile(r"^#+\s")
_SWITCHES = {
    "chart": "use_chart_recognition",
    "seal": "use_seal_recognition",
    "image": "use_ocr_for_image_block",
}
"""Settings that say whether blocks of a label are read."""
_LEAST_SIZE = 1
"""Pixels, of a page that does not say how large it is."""


async def restructure_pages(request: Request) -> Response:
    """Merge tables over pages, find levels of titles."""
    state, record = state_of(request), record_of(request)
    parse = partial(_parse, media_type(request))
    asked, _ = await take_apart(request, parse, has_document=True)
    record.client_id = asked.logId
    if len(asked.pages) > state.limits.max_pages:
        most = state.limits.max_pages
        raise ApiError("document_too_large", f"{len(asked.pages)} pages are over {most}")
    answer = partial(_answer, asked, asked.logId or record.id)
    try:
        return Response(await asyncio.to_thread(answer), media_type="application/json")
    except RecursionError:
        raise ApiError("invalid_body", "the body's objects are too deep in each other") from None


def _parse(kind: str, body: bytearray) -> RestructurePagesRequest:
    if kind != "application/json":
        raise ApiError("unsupported_media_type", "the body must be application/json")
    return read_json(RestructurePagesRequest, body)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A page as it was sent.

    Attributes:
        values: of its JSON, those of its blocks left out.
        page: the same as far as it is looked at.
        options: how its Markdown is written.
        unread: labels of blocks that Markdown shows without a text.
        pictures: those of its Markdown.
    """

    values: dict[str, Any]
    page: PageData
    options: WriteOptions
    unread: frozenset[str]
    pictures: dict[str, str]


def _answer(asked: RestructurePagesRequest, name: str) -> bytes:
    sent = [_read(asked, number, one) for number, one in enumerate(asked.pages)]
    pages = finish_document(
        [one.page for one in sent], tables=asked.mergeTables, levels=asked.relevelTitles
    )
    sent = [replace(one, page=page) for one, page in zip(sent, pages, strict=True)]
    groups = global_groups(page.blocks for page in pages)
    if asked.concatenatePages and sent:
        whole = _concatenated(sent)
        answers = [_page_answer(asked, whole, 0, list(chain.from_iterable(groups)))]
    else:
        answers, first = [], 0
        for one, own in zip(sent, groups, strict=True):
            answers.append(_page_answer(asked, one, first, own))
            first += len(own)
    result = RestructuredPages(layoutParsingResults=answers)
    answer = RestructurePagesAnswer(logId=name, errorCode=0, errorMsg="Success", result=result)
    return json_bytes(answer.to_dict())


def _page_answer(
    asked: RestructurePagesRequest, sent: _Sent, first: int, groups: Sequence[int]
) -> PageParsing:
    blocks = paddlex_blocks(sent.page.blocks, sent.options.labels_left_out)
    number_globally(blocks, first, groups)
    shown_blocks = tuple(
        replace(one, text="") if one.label in sent.unread else one for one in sent.page.blocks
    )
    text, _ = page_markdown(replace(sent.page, blocks=shown_blocks), sent.options)
    shown = {"images": sent.pictures} if asked.returnMarkdownImages else {}
    return PageParsing(
        prunedResult={**sent.values, "parsing_res_list": blocks},
        markdown=PageMarkdown(text=text, **shown),
    )


def _concatenated(sent: Sequence[_Sent]) -> _Sent:
    """All pages as one, which is otherwise the first."""
    first = sent[0]
    values = {**first.values, "page_count": len(sent)}
    for name in ("layout_det_res", "doc_preprocessor_res"):
        if name in values:
            values[name] = [one.values.get(name) for one in sent]
    blocks = tuple(chain.from_iterable(one.page.blocks for one in sent))
    pictures = dict(chain.from_iterable(one.pictures.items() for one in sent))
    return replace(first, values=values, page=replace(first.page, blocks=blocks), pictures=pictures)


def _read(asked: RestructurePagesRequest, number: int, sent: SentPage) -> _Sent:
    """A page that was sent.

    Raises:
        ApiError: its blocks are not as they must be.
    """
    values = sent.prunedResult
    given = values.get("parsing_res_list", [])
    if isinstance(given, list) and len(given) > MAX_BLOCKS:
        raise ApiError("invalid_request", f"page {number + 1} has over {MAX_BLOCKS} blocks")
    try:
        blocks = _BLOCKS.validate_python(given)
    except ValidationError as error:
        raise explained(error, f"pages.{number}.prunedResult.parsing_res_list") from None
    found = values.get("model_settings")
    settings = found if isinstance(found, dict) else {}
    page = PageData(
        index=number,
        width=_size(values.get("width")),
        height=_size(values.get("height")),
        dpi=0.0,
        blocks=tuple(_block(place, one, settings) for place, one in enumerate(blocks)),
    )
    labels = settings.get("markdown_ignore_labels")
    ignored = labels if isinstance(labels, list) else []
    options = WriteOptions(
        style="official",
        leave_out=frozenset(one for one in ignored if isinstance(one, str)),
        pretty=asked.prettifyMarkdown,
        formula_numbers=asked.showFormulaNumber,
    )
    unread = frozenset(label for label, name in _SWITCHES.items() if not settings.get(name))
    return _Sent(values, page, options, unread, sent.markdownImages or {})


def _block(index: int, sent: SentBlock, settings: dict[str, Any]) -> Block:
    """A block of which PaddleX's content is the text."""
    label, text = sent.block_label, _HEADING.sub("", sent.block_content)
    reads_charts = bool(settings.get(_SWITCHES["chart"]))
    x0, y0, x1, y1 = map(int, sent.block_bbox)
    shows_picture = label in {"image", "seal"} or (label == "chart" and not reads_charts)
    is_table = label == "table" or (label == "chart" and reads_charts)
    picture = Picture("", b"", max(0, x1 - x0), max(0, y1 - y0))
    return Block(
        index=index,
        label=label,
        box=(x0, y0, x1, y1),
        box_points=(0.0, 0.0, 0.0, 0.0),
        polygon=tuple((x, y) for x, y in sent.block_polygon_points or ()),
        text=text,
        html=text if is_table else None,
        group=sent.group_id,
        pictures=(picture,) if shows_picture else (),
    )


def _size(value: object) -> int:
    return max(_LEAST_SIZE, value) if isinstance(value, int) else _LEAST_SIZE
