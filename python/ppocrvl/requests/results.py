# SPDX-License-Identifier: Apache-2.0
"""What a request gives back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ppocrvl.errors import PpocrvlError

FinishReason: TypeAlias = Literal["stop", "length", "repetition", "cancelled", "deadline"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in seconds, and the tokens that it went for.

    Attributes:
        load: loading the model; paid once per engine, not per picture.
        preprocess: decoding and resizing the picture.
        queue: waiting for the encoder and for a place among those that decode.
        encode: the vision encoder, its pauses for others included; 0 for a cached picture.
        prefill: the language model over prompt and picture.
        decode: the language model over the answer.
        image_tokens: tokens of the picture.
        prompt_tokens: tokens of prompt and picture.
        generated_tokens: tokens of the answer, those of a loop that were trimmed included.
        cached_image: whether the picture had been encoded before.
        reused_tokens: tokens of prompt and picture that an earlier request had left in the KV
            cache, so that the language model did not read them again.
        drafted_tokens: tokens that were guessed and computed ahead, see `draft` of a request.
        accepted_tokens: of them, those that were right: each of them saved a step.
    """

    load: float
    preprocess: float
    queue: float
    encode: float
    prefill: float
    decode: float
    image_tokens: int
    prompt_tokens: int
    generated_tokens: int
    cached_image: bool = False
    reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an answer.

    Attributes:
        text: without its line break.
        confidence: mean probability of its tokens, 0 to 1; 0 where there are none.
        min_confidence: the lowest of them.
    """

    text: str
    confidence: float
    min_confidence: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reading of a picture that was read more than once.

    Attributes:
        reason: "first", "more pixels" or "penalty".
        text: what it read.
        finish_reason: how it ended.
        confidence: as that of a result.
        resized: (width, height) that the encoder saw.
    """

    reason: str
    text: str
    finish_reason: FinishReason
    confidence: float
    resized: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one picture; `str(result)` is its text.

    Attributes:
        text: what the model read. Without `<|LOC_n|>` tokens unless the task is spotting or the
            caller asked for them.
        finish_reason: "stop" (the model ended, or a stop text came), "length" (`max_tokens`
            reached), "repetition" (the answer went round in a circle; all but the first round is
            trimmed), "cancelled" or "deadline".
        confidence: mean probability of the tokens, 0 to 1; 0 where there are none. It tells a clear
            picture from a poor one; it is not the probability that the text is right.
        task: name of the task.
        image_size: (width, height) of the upright picture in pixels; (0, 0) without one.
        resized: (width, height) that the encoder saw; (0, 0) without a picture.
        timings: seconds and token counts.
        token_ids: the tokens of the answer.
        logprobs: natural logarithm of each token's probability.
        token_ends: bytes of the text in UTF-8 that were there after each token.
        repeated_tokens: so many were trimmed from the end of a loop.
        attempts: all readings, where the picture was read more than once.
        index: place of the picture among many, from 0.
        tag: that of the `Request`.
    """

    text: str
    finish_reason: FinishReason
    confidence: float
    task: str
    image_size: tuple[int, int]
    resized: tuple[int, int]
    timings: Timings
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    token_ends: tuple[int, ...] = ()
    repeated_tokens: int = 0
    attempts: tuple[Attempt, ...] = ()
    index: int = field(default=0, compare=False)
    tag: object = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def min_confidence(self) -> float:
        """The lowest probability of a token, 0 to 1; 0 where there are none."""
        return math.exp(min(self.logprobs)) if self.logprobs else 0.0

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the text with what the model thinks of each.

        A token belongs to the line in which its text begins; a line break belongs to the line that
        it ends.
        """
        lines = self.text.split("\n")
        ends: list[int] = []
        for line in lines:
            ends.append((ends[-1] if ends else 0) + len(line.encode()) + 1)
        chances: list[list[float]] = [[] for _ in lines]
        at, begin = 0, 0
        for end, logprob in zip(self.token_ends, self.logprobs, strict=True):
            while at + 1 < len(lines) and begin >= ends[at]:
                at += 1
            chances[at].append(logprob)
            begin = end
        return tuple(
            Line(line, mean_probability(some), math.exp(min(some)) if some else 0.0)
            for line, some in zip(lines, chances, strict=True)
        )

    def to_dict(self, *, tokens: bool = False) -> dict[str, Any]:
        """The result as plain values for JSON.

        `tokens` adds `token_ids`, `logprobs` and `token_ends`. `index` and `tag` are left out.
        """
        values = asdict(replace(self, tag=None))  # asdict copies what it meets
        del values["index"], values["tag"]
        if not tokens:
            del values["token_ids"], values["logprobs"], values["token_ends"]
        if not self.attempts:
            del values["attempts"]
        values["min_confidence"] = self.min_confidence
        return values


Outcome: TypeAlias = Result | PpocrvlError
"""What one picture of many gives: its answer, or why there is none. Both have `index` and `tag`."""


def placed(outcome: Outcome, index: int, tag: object) -> Outcome:
    """The outcome as that of the picture with this place and tag."""
    if isinstance(outcome, Result):
        return replace(outcome, index=index, tag=tag)
    outcome.index, outcome.tag = index, tag
    return outcome


def mean_probability(logprobs: tuple[float, ...] | list[float]) -> float:
    """Mean of exp(logprob), 0 for no tokens."""
    return sum(map(math.exp, logprobs)) / len(logprobs) if logprobs else 0.0
