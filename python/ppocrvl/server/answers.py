# SPDX-License-Identifier: Apache-2.0
"""What answers look like. They are instances of these models; OpenAPI's document is made from them.

A field with a default is left out of an answer unless it was given; one that may be None is null.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from ppocrvl.requests.results import Attempt, FinishReason, Line, Timings
from ppocrvl.server.codes import CODES

if TYPE_CHECKING:
    from typing import Self

    from ppocrvl.requests.results import Result
    from ppocrvl.server.codes import ApiError

Size: TypeAlias = tuple[int, int]


def _no_defaults(schema: dict[str, Any]) -> None:
    """What is left out of an answer is not there, and has no value either."""
    for field in schema["properties"].values():
        field.pop("default", None)


def json_bytes(values: dict[str, Any]) -> bytes:
    """As JSON on one line. A lone surrogate, as a model may write it, becomes its escape."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


class Answer(BaseModel):
    """An object of an answer."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_no_defaults)

    def to_dict(self) -> dict[str, Any]:
        """As values for JSON."""
        return self.model_dump(exclude_unset=True)


class ErrorDetail(Answer):
    """What is wrong, as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None = Field(description="the field of the request that it is about")
    code: str = Field(json_schema_extra={"enum": list(CODES)})


class Error(Answer):
    """The body of every refusal."""

    error: ErrorDetail

    @classmethod
    def of(cls, error: ApiError, **more: Any) -> Self:  # noqa: ANN401
        """What the client is told; `more`: fields of a subclass."""
        return cls.model_validate({**error.to_dict(), **more})


class Reading(Answer):
    """What was read in one image, and how it went."""

    text: str
    finish_reason: FinishReason
    confidence: float
    task: str
    image_size: Size
    resized: Size
    timings: Timings
    token_ids: tuple[int, ...] = Field((), description="with `tokens`, as the next two")
    logprobs: tuple[float, ...] = ()
    token_ends: tuple[int, ...] = ()
    repeated_tokens: int
    attempts: tuple[Attempt, ...] = Field((), description="where the image was read again")
    min_confidence: float

    @classmethod
    def of(cls, result: Result, *, tokens: bool, **more: Any) -> Self:  # noqa: ANN401
        """The model of a result; `more`: fields of a subclass."""
        return cls.model_validate({**result.to_dict(tokens=tokens), **more})


class _OfPicture(Answer):
    """One of a request's images."""

    index: int = Field(description="of the image in the request, from 0")


# A field of the last base comes first in what is written.
class PictureReading(Reading, _OfPicture):
    """An image that was read."""

    lines: tuple[Line, ...]
    html: str = Field("", description="with `html`")


class PictureError(Error, _OfPicture):
    """An image that could not be read, where others could."""


class PicturePiece(_OfPicture):
    """A piece of text of an image that is being read."""

    piece: str


class Readings(Answer):
    """Answer of POST /v1/ocr."""

    id: str
    model: str
    results: list[PictureReading | PictureError]


class TextError(Answer):
    """The body of every refusal, as LiteParse reads it."""

    error: str


class PlacedText(Answer):
    """A line, or a block whose lines have no places."""

    text: str
    bbox: tuple[float, float, float, float] = Field(
        description="x and y of the upper left, then of the lower right corner, in pixels"
    )
    confidence: float


class PlacedTexts(Answer):
    """Answer of POST /ocr."""

    results: list[PlacedText]


class AnswerMessage(Answer):
    """What the model says."""

    role: Literal["assistant"]
    content: str
    refusal: None


class TokenLogprob(Answer):
    """A token of an answer with the logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[Any]


class Logprobs(Answer):
    """With `logprobs`."""

    content: list[TokenLogprob]
    refusal: None


class Choice(Answer):
    """The one answer of a completion."""

    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"]


class TokenDetails(Answer):
    """Of the tokens of prompt and images."""

    image_tokens: int


class Usage(Answer):
    """Counts of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: TokenDetails


class _Head(Answer):
    id: str
    created: int = Field(description="seconds since 1970")
    model: str


class Completion(_Head):
    """Answer of POST /v1/chat/completions."""

    object: Literal["chat.completion"]
    choices: list[Choice]
    usage: Usage
    ppocrvl: list[Reading] = Field(description="what OpenAI's objects have no place for")


class Delta(Answer):
    """What is new in a chunk."""

    role: Literal["assistant"] = "assistant"
    content: str = ""


class ChunkChoice(Answer):
    """The one answer of a chunk."""

    index: int
    delta: Delta
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"] | None


class Chunk(_Head):
    """A part of a completion that is streamed."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]
    ppocrvl: list[Reading] = Field([], description="in the last one")
    usage: Usage | SkipJsonSchema[None] = Field(
        None, description="in one of its own, with `include_usage`"
    )


class FormatFacts(Answer):
    """A format that documents can be written in."""

    title: str
    suffix: str = Field(description="of its file's name")
    one_text: bool = Field(description="whether it is one text, that can be copied")
    shows_pages: bool = Field(description="whether it needs the images of pages")


class ModelFacts(Answer):
    """What OpenAI's object has no place for."""

    version: str
    context: int = Field(description="tokens")
    pixels: dict[str, Size] = Field(description="by task, least and most; the empty name: others")
    tasks: dict[str, str]
    formats: dict[str, FormatFacts] = Field(
        description="of documents, by name; none where the server reads none"
    )
    max_document_bytes: int = Field(description="of a body that holds a document")


class Model(Answer):
    """The model; what only its files say comes once it is loaded."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: Literal["ppocrvl"]
    ppocrvl: ModelFacts | SkipJsonSchema[None] = Field(None, description="once it is loaded")


class Models(Answer):
    """Answer of GET /v1/models."""

    object: Literal["list"]
    data: list[Model]


class HealthReport(Answer):
    """Answer of GET /health."""

    status: str = Field(description="ok, or the code of the error that a request would get")
    model: str
    version: str
    pictures: int = Field(description="that are being read or wait")
    limit: int
    pages: int = Field(description="of documents that are being read or wait")
    pages_limit: int
    reason: str = ""
