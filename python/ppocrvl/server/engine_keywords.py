# SPDX-License-Identifier: Apache-2.0
"""From the fields of a request to the keywords of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ppocrvl.parsing.parse_options import ParseOptions
from ppocrvl.requests.options import Retry
from ppocrvl.server.conversation import as_options

if TYPE_CHECKING:
    from ppocrvl._native import ModelInfo
    from ppocrvl.parsing.parse_options import ParseKeywords
    from ppocrvl.requests.options import ReadOptions
    from ppocrvl.server.conversation import Conversation
    from ppocrvl.server.schemas import ChatRequest, OcrRequest, ParseRequest
    from ppocrvl.server.server_limits import ServerLimits

_SEEDS = 2**32
_AS_THEY_ARE = (
    *("temperature", "top_p", "min_p", "repetition_penalty", "stop"),
    *("keep_location_tokens", "utf8", "stop_loops"),
)
"""Fields that are named as the engine's options are."""
_OF_DOCUMENTS = (
    *("pages", "dpi", "password", "text_layer", "drafts", "page_deadline"),
    *("charts", "seals", "images", "merge", "turn"),
)
"""Likewise as the parser's."""


def chat_options(
    asked: ChatRequest, conversation: Conversation, info: ModelInfo, limits: ServerLimits
) -> ReadOptions:
    """The options of a chat completion.

    A question that is a task's prompt gets the pixel limits of the task, and the location tokens of
    spotting. It does not get the official pipeline's doubling of small pictures: who sends the
    prompt itself, as PaddleOCR's document parser does, prepares the pictures as well.

    Raises:
        ApiError: the engine cannot go on with the conversation.
    """
    options = _shared(asked, limits, asked.max_completion_tokens or asked.max_tokens)
    _add_draft(options, asked)
    options.update(as_options(conversation))
    task = conversation.task
    if task is not None:
        if task.name in info.task_pixels:
            options["min_pixels"], options["max_pixels"] = info.task_pixels[task.name]
        options.setdefault("keep_location_tokens", task.keeps_location_tokens)
    if asked.keep_location_tokens is None and asked.skip_special_tokens is not None:
        options["keep_location_tokens"] = not asked.skip_special_tokens
    if asked.repetition_penalty is None and asked.repeat_penalty is not None:
        options["repetition_penalty"] = asked.repeat_penalty
    if asked.logit_bias:
        options["logit_bias"] = {int(token): bias for token, bias in asked.logit_bias.items()}
    if asked.mm_processor_kwargs is not None:
        if asked.mm_processor_kwargs.min_pixels is not None:
            options["min_pixels"] = asked.mm_processor_kwargs.min_pixels
        if asked.mm_processor_kwargs.max_pixels is not None:
            options["max_pixels"] = asked.mm_processor_kwargs.max_pixels
    return options


def ocr_options(asked: OcrRequest, limits: ServerLimits) -> ReadOptions:
    """The options of /v1/ocr: the whole task, as `Engine.ocr` does it."""
    options = _shared(asked, limits, asked.max_tokens)
    _add_draft(options, asked)
    options["task"] = asked.task
    if asked.prompt is not None:
        options["prompt"] = asked.prompt
    _add_pixels(options, asked)
    if asked.retry and not asked.stream:
        options["retry"] = Retry()
    return options


def parse_options(asked: ParseRequest, limits: ServerLimits) -> ParseOptions:
    """The options of /v1/parse, as those of `ppocrvl.parse`.

    Raises:
        OptionError: one is out of its range.
    """
    options = _shared(asked, limits, asked.max_tokens)
    _add_pixels(options, asked)
    options["deadline"] = min(asked.deadline or limits.deadline_seconds, limits.deadline_seconds)
    if asked.retry:
        options["retry"] = Retry()
    own = {name: value for name in _OF_DOCUMENTS if (value := getattr(asked, name)) is not None}
    return ParseOptions.of(cast("ParseKeywords", {**own, **options}))


def _add_draft(options: ReadOptions, asked: ChatRequest | OcrRequest) -> None:
    if asked.draft is not None:
        options["draft"] = asked.draft


def _add_pixels(options: ReadOptions, asked: OcrRequest | ParseRequest) -> None:
    if asked.min_pixels is not None:
        options["min_pixels"] = asked.min_pixels
    if asked.max_pixels is not None:
        options["max_pixels"] = asked.max_pixels


def _shared(
    asked: ChatRequest | OcrRequest | ParseRequest, limits: ServerLimits, tokens: int | None
) -> ReadOptions:
    """What was given of the options that they share."""
    given = {name: value for name in _AS_THEY_ARE if (value := getattr(asked, name)) is not None}
    options = cast("ReadOptions", given)
    options["max_tokens"] = min(tokens or limits.max_tokens, limits.max_tokens)
    if asked.top_k is not None:
        options["top_k"] = max(0, asked.top_k)
    if asked.seed is not None:
        options["seed"] = asked.seed % _SEEDS
    return options
