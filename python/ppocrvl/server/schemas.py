# SPDX-License-Identifier: Apache-2.0
"""What requests look like. The OpenAPI document is made from these models.

Unknown fields are ignored, as other servers do. Fields that are known elsewhere and have only one
value that can be honoured here (`n`, `tools`, penalties) take that value alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ppocrvl.document.writers.written import Figures, Style
from ppocrvl.parsing.parse_options import Drafts, TextLayer
from ppocrvl.requests.options import MAX_DRAFT, MAX_DRAFT_IDS, MAX_STOPS, MOST, Utf8Policy
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
Draft: TypeAlias = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_DRAFT)]
    | Annotated[
        list[Annotated[int, Field(ge=0, le=MOST)]], Field(min_length=1, max_length=MAX_DRAFT_IDS)
    ],
    Field(description="what the answer will probably be, as text or token ids, or auto"),
]
Zero: TypeAlias = Annotated[float, Field(ge=0, le=0)]

_TOKENS = "add token ids and log-probabilities"


class _Schema(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ImageUrl(_Schema):
    """An image in a message."""

    url: str = Field(description="data:image/…;base64,… or, where that is on, an https URL")


class ImagePart(_Schema):
    """An image as part of a message's content."""

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
    """vLLM's way to set the pixel limits of an image."""

    min_pixels: Pixels | None = None
    max_pixels: Pixels | None = None


class ResponseFormat(_Schema):
    """The kind of answer: text alone."""

    type: Literal["text"]


class _Sampling(_Schema):
    """Options that the ways of asking share."""

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


class ChatRequest(_Sampling):
    """Body of POST /v1/chat/completions."""

    model: str = Field("", max_length=512, description="any name: there is one model")
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    draft: Draft | None = None
    tokens: bool | None = Field(None, description=_TOKENS)
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

    image: str | None = Field(None, description="an image: data URI, base64, or https URL")
    images: list[str] | None = Field(None, description="several of them")
    task: TaskName = "ocr"
    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)] | None = None
    max_tokens: Tokens | None = None
    min_pixels: Pixels | None = None
    max_pixels: Pixels | None = None
    retry: bool | None = Field(None, description="read again after a loop or a doubtful answer")
    stream: bool | None = Field(None, description="pieces of text as they come, as NDJSON")
    draft: Draft | None = None
    tokens: bool | None = Field(None, description=_TOKENS)
    html: bool | None = Field(None, description="add the answer as HTML: tables, MathML")


class ParseRequest(_Sampling):
    """Options of POST /v1/parse: fields of its form beside the files `file`, or of its query."""

    name: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="of the document, where it is the body itself"
    )
    pages: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="only these, such as 1-3,7,-1"
    )
    dpi: float | None = Field(None, description="pixels per inch at which a PDF is rendered")
    password: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="of an encrypted PDF"
    )
    text_layer: TextLayer | None = Field(
        None, description="auto: take text from the PDF where it can be trusted"
    )
    drafts: Drafts | None = Field(
        None, description="auto, the default: be faster where the PDF's text is what is read"
    )
    layout: Literal["none"] | None = Field(None, description="none: read each page as one block")
    page_deadline: Seconds | None = Field(
        None, description="seconds until a page ends as it is, from when it is begun"
    )
    deadline: Seconds | None = Field(None, description="likewise of each block")
    charts: bool | None = Field(None, description="read charts as tables")
    seals: bool | None = Field(None, description="read seals")
    images: bool | None = Field(None, description="read text in figures")
    merge: bool | None = Field(None, description="read blocks that belong together as one")
    turn: bool | None = Field(None, description="turn pages upright")
    max_tokens: Tokens | None = Field(None, description="of each block")
    min_pixels: Pixels | None = Field(None, description="of each block")
    max_pixels: Pixels | None = Field(None, description="of each block")
    retry: bool | None = Field(None, description="read again after a loop or a doubtful answer")
    style: Style | None = Field(None, description="of Markdown; official: as PaddleX writes it")
    figures: Literal["none", "embedded"] | None = Field(None, description="in Markdown")
    pictures: bool | None = Field(None, description="add the bytes of figures to JSON, as base64")
    page_images: bool | None = Field(None, description="add pages as JPEG to JSON, as base64")
    html: bool | None = Field(None, description="add to pages on lines what was read, as HTML")
    progress: bool | None = Field(
        None,
        description="of pages on lines: tell regions as they are found, blocks as they are read",
    )

    @property
    def wants_bytes(self) -> bool:
        """Whether images are to hold their bytes."""
        return bool(self.pictures or self.page_images)


class WriteRequest(_Schema):
    """Options of POST /v1/write: its query. The body is the document as JSON."""

    to: Annotated[str, Field(max_length=64)] = Field(description="a format, such as docx")
    figures: Figures | None = Field(None, description="in Markdown; files, the default: beside it")
    style: Style | None = Field(None, description="of Markdown; official: as PaddleX writes it")
    finish: bool | None = Field(
        None, description="put pages in relation that came one by one, as on the lines of /v1/parse"
    )


class PlaceRequest(_Schema):
    """Fields of the form of POST /ocr beside the file `file`."""

    language: Annotated[str, Field(max_length=64)] = Field(
        "en", description="taken and not used: the model tells by itself"
    )
