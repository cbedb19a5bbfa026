# SPDX-License-Identifier: Apache-2.0
"""What requests look like. The OpenAPI document is made from these models.

Unknown fields are ignored, as other servers do. Fields that are known elsewhere and have only one
value that can be honoured here (`n`, `tools`, penalties) take that value alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ppocrvl.requests.options import MAX_DRAFT, MAX_STOPS, Utf8Policy
from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS
from ppocrvl.requests.tasks import TaskName

MAX_PROMPT_CHARACTERS = 32_768
MAX_MESSAGES = 128
MAX_PARTS = 64
MAX_BIASES = 300
MAX_TOKENS = 10_000_000  # any higher number is a mistake; the server's own limit is far lower

Text: TypeAlias = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Pixels: TypeAlias = Annotated[int, Field(ge=1, le=MAX_REQUEST_PIXELS)]
Tokens: TypeAlias = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
StopText: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
Stop: TypeAlias = StopText | Annotated[list[StopText], Field(max_length=MAX_STOPS)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400)]
TokenId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
Bias: TypeAlias = Annotated[float, Field(ge=-100, le=100)]
Biases: TypeAlias = Annotated[dict[TokenId, Bias], Field(max_length=MAX_BIASES)]
DraftText: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_DRAFT)]
DraftTokens: TypeAlias = Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MAX_DRAFT)]
Zero: TypeAlias = Annotated[float, Field(ge=0, le=0)]


class _Schema(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ImageUrl(_Schema):
    """A picture in a message."""

    url: str = Field(description="data:image/…;base64,… or, where that is on, an https URL")


class ImagePart(_Schema):
    """A picture as part of a message's content."""

    type: Literal["image_url"]
    image_url: ImageUrl | str


class TextPart(_Schema):
    """A text as part of a message's content."""

    type: Literal["text"]
    text: Text


Part: TypeAlias = Annotated[ImagePart | TextPart, Field(discriminator="type")]


class Message(_Schema):
    """A turn of the conversation."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Text | Annotated[list[Part], Field(max_length=MAX_PARTS)]


class StreamOptions(_Schema):
    """Options of a stream."""

    include_usage: bool | None = Field(None, description="send token counts before the end")


class ProcessorOptions(_Schema):
    """vLLM's way to set the pixel limits of a picture."""

    min_pixels: Pixels | None = None
    max_pixels: Pixels | None = None


class ResponseFormat(_Schema):
    """The kind of answer: text alone."""

    type: Literal["text"]


class _Sampling(_Schema):
    """Options that both ways of asking share."""

    temperature: float | None = Field(
        None, ge=0, le=2, description="0, the default: likeliest token"
    )
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=1_000_000, description="0 or -1: all")
    min_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), le=2**64)
    repetition_penalty: float | None = Field(None, ge=0.01, le=10)
    stop: Stop | None = None
    keep_location_tokens: bool | None = Field(None, description="keep <|LOC_n|> in the text")
    utf8: Utf8Policy | None = Field(None, description="what becomes of bytes that are no UTF-8")
    stop_loops: bool | None = Field(None, description="end answers that go round in a circle")
    deadline: Seconds | None = Field(None, description="seconds until the answer ends as it is")
    draft: DraftText | DraftTokens | None = Field(
        None, description="what the answer will probably be, as text or token ids, or auto"
    )
    tokens: bool | None = Field(None, description="add token ids and log-probabilities")


class ChatRequest(_Sampling):
    """Body of POST /v1/chat/completions."""

    model: str = Field("", max_length=512, description="any name: there is one model")
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    logprobs: bool | None = None
    logit_bias: Biases | None = None
    repeat_penalty: float | None = Field(
        None, ge=0.01, le=10, description="llama.cpp's name of repetition_penalty"
    )
    skip_special_tokens: bool | None = Field(None, description="vLLM: false keeps <|LOC_n|>")
    mm_processor_kwargs: ProcessorOptions | None = None
    # Known elsewhere; here with one value each.
    n: Literal[1] | None = None
    top_logprobs: Literal[0] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None


class OcrRequest(_Sampling):
    """Body of POST /v1/ocr as JSON; as a form, with files as `image`, the same names."""

    image: str | None = Field(None, description="a picture: data URI, base64, or https URL")
    images: list[str] | None = Field(None, description="several of them")
    task: TaskName = "ocr"
    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)] | None = None
    max_tokens: Tokens | None = None
    min_pixels: Pixels | None = None
    max_pixels: Pixels | None = None
    retry: bool | None = Field(None, description="read again after a loop or a doubtful answer")
    stream: bool | None = Field(None, description="pieces of text as they come, as NDJSON")
    html: bool | None = Field(None, description="add the answer as HTML: tables, MathML")
