# SPDX-License-Identifier: Apache-2.0
"""The options of a request: one model for Python, the command line, and whatever else reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, SupportsIndex, TypeAlias, TypedDict, get_args

from ppocrvl.errors import OptionError
from ppocrvl.requests.pixel_limits import MAX_REQUEST_PIXELS
from ppocrvl.requests.tasks import known_task

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_MAX_TOKENS = 4096
MOST = 2**31 - 1
MAX_STOPS = 16
Utf8Policy: TypeAlias = Literal["replace", "strict", "constrain"]
Role: TypeAlias = Literal["user", "assistant", "system"]
MAX_DRAFT, MAX_DRAFT_IDS = 1_000_000, 32_768
"""Characters or tokens of a draft; anything longer is a mistake."""
GUESSED = "auto"
"""As `draft`: no text is given."""


class Message(TypedDict):
    """What one side said in a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how a picture is read again: once with more pixels, once with a mild penalty.

    An answer that was stopped as a loop is tried again, and one whose confidence is known and low.
    All attempts share one deadline. The best of those that gave an answer is the answer: one that
    ended by itself before a loop, a loop before one that was cut short, and of equals the most
    confident.

    Attributes:
        below: confidence, 0 to 1, under which an answer is tried again.
        enlarge: factor on the picture's area for the second attempt, at least 1.
        repetition_penalty: of the third attempt, at least 1.
    """

    below: float = 0.5
    enlarge: float = 2.0
    repetition_penalty: float = 1.05

    def __post_init__(self) -> None:
        check_number("retry.below", self.below, 0.0, 1.0)
        check_number("retry.enlarge", self.enlarge, 1.0, 16.0)
        check_number("retry.repetition_penalty", self.repetition_penalty, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What can be asked of a request. All values are checked here.

    Attributes:
        task: "ocr", "table", "formula", "chart", "spotting" or "seal".
        prompt: text in place of the task's own prompt. Never parsed for special tokens.
        messages: the turns of a conversation, in place of `prompt`; the last one is the user's, and
            the picture belongs to the first of the user's. In earlier answers, table and location
            tokens count as such.
        max_tokens: the answer ends after so many tokens, or when the context is full, with
            `finish_reason` "length".
        min_pixels: smaller pictures are enlarged to this area; None for the model's own limit.
        max_pixels: larger pictures are reduced to this area; None for the model's own limit.
        keep_location_tokens: keep `<|LOC_n|>` in the text; None for what the task does.
        deadline: seconds from the call after which the answer ends as it is, with `finish_reason`
            "deadline", whatever was tried until then; None for no limit.
        priority: waiting requests of a higher priority go first.
        temperature: 0 takes the most likely token, as the model's makers do.
        top_k: sample from the k most likely tokens; 0 for all.
        top_p: sample from the most likely tokens that have this probability together.
        min_p: sample from tokens of at least this share of the most likely one's probability.
        repetition_penalty: divides the logits of the answer's last 256 tokens; 1 for none. It
            disturbs tables and numbers; `stop_loops` and `retry` are the better cures.
        seed: of the random numbers, where temperature is above 0.
        logit_bias: value added to the logits of these token ids.
        stop: texts that end the answer and are not part of it.
        grammar: GBNF with a rule `root` that the answer must follow.
        utf8: what becomes of bytes that are no UTF-8. "replace" puts U+FFFD, "strict" raises,
            "constrain" lets only tokens through that go on with an open character.
        stop_loops: end an answer that goes round in a circle, with `finish_reason` "repetition".
        retry: read again after a loop or a doubtful answer; None for one attempt.
        draft: what the answer will probably be, as text or as token ids; "auto" for what it repeats
            of itself; None for nothing. The answer is the same, and comes faster the more of the
            draft is right. Not with a temperature. Later attempts of `retry` have the first
            answer as theirs.

    Raises:
        OptionError: a value is out of its range.
    """

    task: str = "ocr"
    prompt: str | None = None
    messages: Sequence[Message] | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    min_pixels: int | None = None
    max_pixels: int | None = None
    keep_location_tokens: bool | None = None
    deadline: float | None = None
    priority: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    stop: str | tuple[str, ...] | list[str] = ()
    grammar: str = ""
    utf8: Utf8Policy = "replace"
    stop_loops: bool = True
    retry: Retry | None = None
    draft: str | Sequence[int] | None = None

    def __post_init__(self) -> None:
        known_task(check_text("task", self.task))
        check_int("max_tokens", self.max_tokens, 1, MOST)
        for name, pixels in (("min_pixels", self.min_pixels), ("max_pixels", self.max_pixels)):
            if pixels is not None:
                check_int(name, pixels, 1, MAX_REQUEST_PIXELS)
        self._check_prompt()
        if self.deadline is not None:
            check_number("deadline", self.deadline, 0.0, math.inf)
        check_int("priority", self.priority, -MOST, MOST)
        check_flag("stop_loops", self.stop_loops)
        if self.keep_location_tokens is not None:
            check_flag("keep_location_tokens", self.keep_location_tokens)
        if self.retry is not None:
            check_kind("retry", self.retry, Retry)
        self._check_sampling()
        self._check_text_options()
        if self.draft is not None:
            check_draft(self.draft)
            if self.temperature > 0:
                raise OptionError(
                    "draft is for answers of the likeliest tokens; leave out draft or temperature"
                )

    def _check_sampling(self) -> None:
        check_number("temperature", self.temperature, 0.0, 100.0)
        check_int("top_k", self.top_k, 0, MOST)
        check_number("top_p", self.top_p, 0.0, 1.0)
        check_number("min_p", self.min_p, 0.0, 1.0)
        check_number("repetition_penalty", self.repetition_penalty, 0.01, 100.0)
        check_int("seed", self.seed, 0, 2**32 - 1)
        check_kind("logit_bias", self.logit_bias, Mapping)
        for token, bias in self.logit_bias.items():
            check_int("logit_bias", token, 0, MOST)
            check_number("logit_bias", bias, -math.inf, math.inf)

    def _check_text_options(self) -> None:
        check_kind("stop", self.stop, (str, tuple, list))
        if len(self.stops) > MAX_STOPS:
            raise OptionError(
                f"stop has {len(self.stops)} texts; at most {MAX_STOPS} can be watched"
            )
        for text in self.stops:
            check_text("stop", text, blank=True)
        if self.grammar != "":
            check_text("grammar", self.grammar)
        if self.utf8 not in get_args(Utf8Policy):
            raise OptionError(f"utf8 must be replace, strict or constrain, not {self.utf8!r}")

    def _check_prompt(self) -> None:
        if self.prompt is not None:
            check_text("prompt", self.prompt)
        if self.messages is not None:
            if self.prompt is not None:
                raise OptionError("prompt and messages exclude each other; give one of them")
            check_messages(self.messages)

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts of `stop`, also where it is one alone."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


class ReadOptions(TypedDict, total=False):
    """The options of a request as keyword arguments; `RequestOptions` explains them."""

    task: str
    prompt: str | None
    messages: Sequence[Message] | None
    max_tokens: int
    min_pixels: int | None
    max_pixels: int | None
    keep_location_tokens: bool | None
    deadline: float | None
    priority: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    seed: int
    logit_bias: Mapping[int, float]
    stop: str | tuple[str, ...] | list[str]
    grammar: str
    utf8: Utf8Policy
    stop_loops: bool
    retry: Retry | None
    draft: str | Sequence[int] | None


def check_int(name: str, value: object, low: int, high: int) -> int:
    """The value as an int from `low` to `high`.

    Raises:
        OptionError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | SupportsIndex):
        raise OptionError(f"{name} must be a whole number, not {value!r}")
    number = value.__index__()
    if not low <= number <= high:
        raise OptionError(f"{name} must be from {low} to {high}, not {number}")
    return number


def check_number(name: str, value: object, low: float, high: float) -> float:
    """The value as a float from `low` to `high`.

    Raises:
        OptionError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name} must be a number, not {value!r}")
    if not low <= value <= high:
        raise OptionError(f"{name} must be from {low:g} to {high:g}, not {value:g}")
    return float(value)


def check_flag(name: str, value: object) -> None:
    """Makes sure that the value is true or false.

    Raises:
        OptionError: it is not.
    """
    if not isinstance(value, bool):
        raise OptionError(f"{name} must be true or false, not {value!r}")


def check_kind(name: str, value: object, kinds: type | tuple[type, ...]) -> None:
    """Makes sure that the value is an instance of one of these.

    Raises:
        OptionError: it is not.
    """
    if not isinstance(value, kinds):
        known = kinds if isinstance(kinds, tuple) else (kinds,)
        names = " or ".join(kind.__name__ for kind in known)
        raise OptionError(f"{name} must be a {names}, not {value!r:.80}")


def check_draft(draft: object) -> None:
    """Makes sure that this is a text of 1 to `MAX_DRAFT` characters, or 1 to `MAX_DRAFT_IDS` ids.

    Raises:
        OptionError: it is not.
    """
    check_kind("draft", draft, (str, list, tuple))
    assert isinstance(draft, str | list | tuple)  # noqa: S101 - checked just now
    most = MAX_DRAFT if isinstance(draft, str) else MAX_DRAFT_IDS
    if len(draft) > most:
        raise OptionError(f"draft is longer than {most}; give the part that is about the page")
    if isinstance(draft, str):
        check_text("draft", draft, blank=True)
    elif not draft:
        raise OptionError("draft must have a token; leave it out for none")
    else:
        for token in draft:
            check_int("draft", token, 0, MOST)


def check_messages(messages: object) -> None:
    """Makes sure that these are the turns of a conversation, and that the user has the last word.

    Raises:
        OptionError: they are not.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise OptionError(f"messages must be a list of at least one message, not {messages!r}")
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise OptionError(f"messages[{number}] must have a role, a content, nothing else")
        if message["role"] not in get_args(Role):
            raise OptionError(
                f"messages[{number}] has the role {message['role']!r}; there are user, assistant "
                "and system"
            )
        if message["content"] != "":
            check_text(f"messages[{number}]", message["content"], blank=True)
    if messages[-1]["role"] != "user":
        raise OptionError("the last of the messages must be the user's")


def check_text(name: str, value: object, *, blank: bool = False) -> str:
    """The value as valid Unicode that is not empty, nor, unless `blank`, white space alone.

    Raises:
        OptionError: it is no such text.
    """
    if not isinstance(value, str) or not (value if blank else value.strip()):
        raise OptionError(f"{name} must be a text that is not empty, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise OptionError(
            f"{name} is not valid Unicode: {error.reason} at {error.start}"
        ) from error
    return value
